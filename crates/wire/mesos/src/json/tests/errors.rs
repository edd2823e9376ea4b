//! The words for what is refused: as clients have always read them.

use super::*;

fn error<T: Described>(json: &str) -> String {
    from_slice::<T>(json.as_bytes()).map(|_| ()).unwrap_err().to_string()
}

#[test]
fn table_of_syntax_errors() {
    let cases = [
        ("", "syntax error at line 1 near: "),
        ("  ", "syntax error at line 1 near: "),
        ("{oops", "syntax error at line 1 near: oops"),
        ("{nope", "syntax error at line 1 near: nope"),
        ("{\n  \"a\": 1,\n  oops\t!\nmore", "syntax error at line 3 near: oops!"),
        ("{\"a\": nil}", "syntax error at line 1 near: il}"),
        ("{\"a\": -}", "syntax error at line 1 near: }"),
        ("{\"a\" 1}", "syntax error at line 1 near: 1}"),
        ("{\"a\": \"\\x\"}", "syntax error at line 1 near: \"}"),
        ("{\"a\": \"\\ud800\"}", "syntax error at line 1 near: \"}"),
        ("{\"a\": \"\\udc00\"}", "syntax error at line 1 near: \"}"),
        ("{\"a\": \"x", "syntax error at line 1 near: "),
        ("{\"a\": [1 2]}", "syntax error at line 1 near: 2]}"),
        ("{\"a\": 1,}", "syntax error at line 1 near: }"),
        ("{}}}", "Parsed JSON included non-whitespace trailing characters: }}"),
        ("{} x \n", "Parsed JSON included non-whitespace trailing characters:  x"),
        // The syntax is told first, wherever it breaks.
        ("{\"type\": 1, oops", "syntax error at line 1 near: oops"),
    ];
    for (json, text) in cases {
        let expected = format!("Failed to parse body into JSON: {text}");
        assert_eq!(error::<v1::scheduler::Call>(json), expected, "{json:?}");
    }
}

#[test]
fn table_of_conversion_errors() {
    let cases = [
        (
            r#"{"type":"SUBSCRIBE","subscribe":{"framework_info":{"name":"x"}}}"#,
            "Missing required fields: subscribe.framework_info.user",
        ),
        (r#"{"subscribe":"x"}"#, "Not expecting a JSON string for field 'subscribe'"),
        (r#"{"subscribe":[]}"#, "Not expecting a JSON array for field 'subscribe'"),
        (r#"{"subscribe":true}"#, "Not expecting a JSON boolean for field 'subscribe'"),
        (r#"{"subscribe":1.5}"#, "Not expecting a JSON number for field 'subscribe'"),
        (r#"{"type":{}}"#, "Not expecting a JSON object for field 'type'"),
        // By the name, not by the place.
        (r#"{"type":{},"accept":1}"#, "Not expecting a JSON number for field 'accept'"),
        (
            r#"{"subscribe":{"framework_info":{"checkpoint":"yes"}}}"#,
            "Failed to parse 'yes' as a JSON boolean for field 'checkpoint': syntax error at line 1 near: yes",
        ),
        (
            r#"{"subscribe":{"framework_info":{"checkpoint":"1"}}}"#,
            "Failed to parse '1' as a JSON boolean for field 'checkpoint': Unexpected JSON type parsed",
        ),
        (
            r#"{"decline":{"filters":{"refuse_seconds":"x"}}}"#,
            "Failed to parse 'x' as a JSON number for field 'refuse_seconds': syntax error at line 1 near: x",
        ),
        (
            r#"{"message":{"data":"a*b="}}"#,
            "Failed to base64 decode bytes field 'data': Invalid character '*'",
        ),
        (
            r#"{"accept":{"offer_ids":[{"value":"a"},{}],"operations":[{"launch":{"task_infos":[{"name":"n"}]}}]}}"#,
            "Missing required fields: accept.offer_ids[1].value, accept.operations[0].launch.task_infos[0].task_id, \
          accept.operations[0].launch.task_infos[0].agent_id",
        ),
        ("[]", "Expecting a JSON object"),
        ("3", "Expecting a JSON object"),
    ];
    for (json, text) in cases {
        let expected = format!("Failed to convert JSON into Call protobuf: {text}");
        assert_eq!(error::<v1::scheduler::Call>(json), expected, "{json}");
    }
}

#[test]
fn the_agent_leaves_out_the_introduction() {
    let error = from_slice::<v1::agent::Call>(br#"{"get_metrics":"x"}"#).unwrap_err();
    assert_eq!(error.agent_text(), "Not expecting a JSON string for field 'get_metrics'");
    let error = from_slice::<v1::agent::Call>(b"{oops").unwrap_err();
    assert_eq!(error.agent_text(), "Failed to parse body into JSON: syntax error at line 1 near: oops");
    let error = tepui_wire_protobuf::from_bytes::<v1::agent::Call>(vec![0xff].into()).unwrap_err();
    let error = DecodeError::from(error);
    assert_eq!(error.agent_text(), "Failed to parse body into a protobuf object");
    assert_eq!(error.to_string(), "Failed to parse body into Call protobuf");
}

#[test]
fn depth_is_limited_in_text_and_in_messages() {
    let nested = |depth: usize| format!("{}{}", r#"{"x":"#.repeat(depth), "[".repeat(depth));
    assert!(error::<v1::scheduler::Call>(&nested(100_000)).starts_with("Failed to parse body into JSON"));
    let containers = |depth: usize| {
        format!("{}{{\"value\":\"x\"}}{}", r#"{"value":"x","parent":"#.repeat(depth), "}".repeat(depth))
    };
    assert!(from_slice::<v1::ContainerId>(containers(90).as_bytes()).is_ok());
    assert!(from_slice::<v1::ContainerId>(containers(150).as_bytes()).is_err());
    assert!(from_slice::<v1::ContainerId>(containers(100_000).as_bytes()).is_err());
    let mut container = v1::ContainerId { value: "x".to_owned(), parent: None };
    for _ in 0..200 {
        container = v1::ContainerId { value: "x".to_owned(), parent: Some(Box::new(container)) };
    }
    // What no peer could read is not written, and does no harm.
    assert_eq!(to_string(&container), "{}");
    assert!(
        tepui_wire_protobuf::check(&tepui_wire_protobuf::to_bytes(&container), v1::ContainerId::DESCRIPTOR)
            .is_err()
    );
}

#[test]
fn hostile_lists_of_missing_fields_are_cut() {
    let json = format!(r#"{{"accept":{{"offer_ids":[{}{{}}]}}}}"#, "{},".repeat(100_000));
    assert!(error::<v1::scheduler::Call>(&json).len() < 100_000);
}
