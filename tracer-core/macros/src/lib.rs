//! The attribute macro of `tracer-core`, which re-exports it as `tracer_core::traced` and has its documentation.
//!
//! | file | what |
//! | --- | --- |
//! | `options.rs`, `field.rs` | what stands in the parentheses of the attribute |
//! | `function.rs`, `returns.rs` | the function: its parts, and which kind of future it returns, if any |
//! | `parameters.rs` | how a body that moves takes the parameters along |
//! | `attributes.rs` | what the span records: arguments and fields |
//! | `expand.rs` | the function that is written instead |

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod options;

mod field;

mod function;

mod returns;

mod parameters;

mod attributes;

mod expand;

use proc_macro::TokenStream;

/// Runs a function in a span. Documented where it is used from: `tracer_core::traced`.
#[proc_macro_attribute]
pub fn traced(options: TokenStream, item: TokenStream) -> TokenStream {
    expand::traced(options.into(), item.into()).into()
}
