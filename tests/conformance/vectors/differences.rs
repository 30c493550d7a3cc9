//! Where ours differs from the cases of other projects, and why.

/// The reason, the suite, and the places of the cases in it.
pub(super) const DIFFERENCES: &[(&str, &str, &[usize])] = &[
    (STATE_ALONE, "go_b3_inject", &[3, 9, 15, 21]),
    (STATE_ALONE, "rust_zipkin_inject", &[4, 5, 10, 11, 16, 17]),
    (
        "OpenTelemetry's B3 does not use the parent's span id. It is not read, so an invalid one \
         leaves the ids and the state beside it valid.",
        "go_b3_unit",
        &[23, 25, 26],
    ),
    (
        "W3C Baggage, section 3.3.2: list-members may be dropped until the limits are met. Those \
         that fit are kept; Go drops all of them.",
        "go_baggage_extract",
        &[19, 23, 24, 30, 33],
    ),
    (
        "An empty header has no list-member, so it takes none of the 8,192 bytes. Go counts a comma \
         for it.",
        "go_baggage_extract",
        &[21, 22],
    ),
    (PROPERTIES, "go_baggage_parse", &[17, 20, 34]),
    (PROPERTIES, "go_baggage_string", &[5, 8, 9, 10, 11]),
    (
        "W3C Baggage, section 3.3.1: `%` is a baggage-octet. One that begins no escape stands for \
         itself, as in the URL Standard's percent-decoding.",
        "go_baggage_parse",
        &[26, 30],
    ),
    (
        "W3C Baggage, section 3.3.1, lets a sender encode more than it must. `+` and `=` are encoded, \
         because receivers exist that read `+` as a space or cut a value at its first `=`.",
        "go_baggage_string",
        &[3, 6, 7],
    ),
    (
        "The basic tracers of OpenTracing write ids without leading zeros (`'{0:x}'.format(id)` in \
         text_propagator.py of basictracer-python), so a shorter id is complete.",
        "go_ot_unit",
        &[8],
    ),
    (
        "W3C Trace Context, test_tracestate_duplicated_keys of its harness: the list is inherited, \
         and members with one key are all kept or reduced to one.",
        "go_tracestate",
        &[0, 1],
    ),
    (
        "W3C Trace Context Level 2, section 3.3.1.3.1: a key has up to 256 characters, and `@` is \
         an ordinary one after the first. Go has the form `tenant@system` of Level 1.",
        "go_tracestate",
        &[5, 7, 8, 10, 11],
    ),
    (
        "W3C Trace Context Level 2, section 3.2.2: version 00 ends with its flags. Its harness \
         (test_traceparent_version_0x00) expects a new trace where anything follows them.",
        "go_w3c_extract",
        &[11],
    ),
    (
        "W3C Trace Context Level 2, section 3.2.2.5: flags are bits, and 09 is named as an example of \
         a valid value. To refuse it would cut the traces of a later level.",
        "go_w3c_extract",
        &[28],
    ),
    (
        "All eight flags of a caller are passed on unchanged. The random flag was a reserved one in \
         Level 1, and services that cleared reserved flags broke consistent sampling.",
        "go_w3c_inject",
        &[2],
    ),
    (XRAY_FIELDS, "rust_aws_extract", &[10, 11]),
    (XRAY_FIELDS, "rust_aws_inject", &[6]),
    (
        "Jaeger, \"Propagation Format\": the flags are one byte as one or two hex digits, so `aa` are \
         flags.",
        "rust_jaeger_extract",
        &[18],
    ),
];

const STATE_ALONE: &str = "The API has an invalid span context where nothing is traced, so its flags \
    are no decision. A state that was received without ids (`b3: 0`) is sent on.";

const PROPERTIES: &str = "The metadata of the API for Rust is one string: the properties of a member \
    as they are in the header, in their order and still encoded. Decoded, those with a `;` in them \
    would become others.";

const XRAY_FIELDS: &str = "Fields of X-Ray's header other than `Lineage` are its sender's own: they \
    are no members of a tracestate, which other headers would carry on. An open decision is sent \
    without `Sampled`, because some receivers refuse `Sampled=?`.";
