//! Tests that the colours of the page have enough contrast, in its light and its dark theme.

use std::collections::HashMap;

const STYLE: &str = include_str!("assets/style.css");

/// Text of normal size, WCAG 2.2 success criterion 1.4.3 (AA).
const TEXT: f64 = 4.5;
/// Borders of fields and parts of drawings, WCAG 2.2 success criterion 1.4.11 (AA).
const DRAWING: f64 = 3.0;

#[test]
fn every_colour_contrasts_with_what_lies_under_it() {
    let (light, dark) = STYLE
        .split_once("@media (prefers-color-scheme: dark)")
        .unwrap();
    for (dress, part) in [("light", light), ("dark", dark)] {
        let colours = colours(part);
        let check = |above: &str, below: &str, least: f64| {
            let ratio = contrast(colours[above], colours[below]);
            assert!(
                ratio >= least,
                "{dress}: {above} on {below} has {ratio:.2}, not {least}"
            );
        };
        for below in ["ground", "surface", "raised", "accent-soft", "odd-soft"] {
            for above in ["text", "muted"] {
                check(above, below, TEXT);
            }
        }
        for above in ["error", "odd", "good", "accent"] {
            check(above, "surface", TEXT);
            check(above, "ground", TEXT);
        }
        for above in ["error", "odd", "good"] {
            check(above, &format!("{above}-soft"), TEXT);
        }
        check("accent-text", "accent", TEXT);
        check("field", "surface", DRAWING);
        for slot in 0..12 {
            // Service names are written in these colours as well.
            check(&format!("service-{slot}"), "surface", TEXT);
            check(&format!("service-{slot}"), "raised", DRAWING);
            check(&format!("service-{slot}"), "accent-soft", DRAWING);
        }
    }
}

/// The custom properties that are plain colours.
fn colours(style: &str) -> HashMap<String, [u8; 3]> {
    style
        .split("--")
        .filter_map(|rest| {
            let (name, value) = rest.split_once(": #")?;
            let hex = value.get(..6)?;
            let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).ok();
            Some((name.to_owned(), [byte(0)?, byte(2)?, byte(4)?]))
        })
        .collect()
}

/// The contrast ratio as WCAG 2.2 defines it.
fn contrast(one: [u8; 3], other: [u8; 3]) -> f64 {
    let (a, b) = (luminance(one), luminance(other));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

fn luminance(colour: [u8; 3]) -> f64 {
    let [red, green, blue] = colour.map(|part| {
        let share = f64::from(part) / 255.0;
        if share <= 0.04045 {
            share / 12.92
        } else {
            ((share + 0.055) / 1.055).powf(2.4)
        }
    });
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}
