//! Payloads as Lambda passes them to the release binary: each gets an answer of packwatch, and a
//! record of metrics, even if it is empty or not JSON.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::Stdio;

use jiff::Timestamp;
use serde_json::Value;
use tokio::process::Command;
use tokio::sync::mpsc;

use crate::support::harness::{FUNCTION_ARN, TestEnv};

/// Serves [Lambda's runtime API](https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html) with
/// one invocation for each payload. Sends the path and the body of every answer to `answers`.
fn serve_runtime_api(
    listener: &TcpListener,
    payloads: &[&[u8]],
    answers: &mpsc::UnboundedSender<(String, Value)>,
) -> std::io::Result<()> {
    for (number, payload) in payloads.iter().enumerate() {
        // Long after the test, so that the clock of the binary does not matter.
        let deadline = "2100-01-01T00:00:00Z"
            .parse::<Timestamp>()
            .expect("a timestamp")
            .as_millisecond();
        let headers = format!(
            "Lambda-Runtime-Aws-Request-Id: run-{number}\r\nLambda-Runtime-Deadline-Ms: {deadline}\r\n\
             Lambda-Runtime-Invoked-Function-Arn: {FUNCTION_ARN}\r\n"
        );
        let (path, _) = exchange(listener, "200 OK", &headers, payload)?;
        assert!(path.ends_with("/invocation/next"), "{path}");
        let (path, body) = exchange(listener, "202 Accepted", "", b"")?;
        let body = serde_json::from_slice(&body).expect("the answer is JSON");
        if answers.send((path, body)).is_err() {
            break;
        }
    }
    Ok(())
}

/// Accepts a request, responds and closes the connection. Returns the path and the body.
fn exchange(
    listener: &TcpListener,
    status: &str,
    headers: &str,
    response: &[u8],
) -> std::io::Result<(String, Vec<u8>)> {
    let (mut stream, _) = listener.accept()?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut path, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if path.is_empty() {
            line.split(' ')
                .nth(1)
                .unwrap_or_default()
                .clone_into(&mut path);
        } else if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.parse().expect("a length");
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let length = response.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n"
    )?;
    stream.write_all(response)?;
    Ok((path, body))
}

/// Invokes the binary once for each payload. Returns the path and the body of every answer, and
/// what the process printed.
async fn invoke_binary(payloads: &'static [&'static [u8]]) -> (Vec<(String, Value)>, String) {
    let env = TestEnv::failing().await;
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let api = listener.local_addr().expect("an address").to_string();
    let (sender, mut answers) = mpsc::unbounded_channel();
    std::thread::spawn(move || serve_runtime_api(&listener, payloads, &sender));
    let process = Command::new(env!("CARGO_BIN_EXE_packwatch-lambda"))
        .env_clear()
        .envs(&env.env)
        .env("AWS_LAMBDA_RUNTIME_API", api)
        .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
        .env("AWS_ENDPOINT_URL", env.server.url())
        .env("AWS_ACCESS_KEY_ID", "AKIDOWN")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn();
    let mut process = process.expect("the binary starts");
    let mut received = Vec::new();
    while received.len() < payloads.len() {
        let answer = tokio::time::timeout(std::time::Duration::from_secs(30), answers.recv());
        match answer.await.expect("an answer in time") {
            Some(answer) => received.push(answer),
            None => break,
        }
    }
    process.start_kill().expect("the process runs");
    let output = process.wait_with_output().await.expect("an output");
    let output = String::from_utf8(output.stdout).expect("the output is UTF-8");
    (received, output)
}

#[tokio::test]
async fn empty_payload_is_full_run() {
    let (answers, output) = invoke_binary(&[b"", b" \r\n\t", b"{}"]).await;
    assert_eq!(answers.len(), 3, "{output}");
    for (path, body) in &answers {
        assert!(path.ends_with("/response"), "{path}: {body}");
        assert_eq!(body["outcome"], "committed", "{body}");
    }
    assert_eq!(output.matches("\"_aws\"").count(), 3, "{output}");
}

/// The runtime crate would log the error too, as the debug form of a Rust type.
#[tokio::test]
async fn failed_invocation_is_logged_in_one_line() {
    let (_, output) = invoke_binary(&[b"run"]).await;
    let errors: Vec<_> = output
        .lines()
        .filter(|line| line.contains("InvalidEvent") || line.contains("the event is invalid"))
        .collect();
    assert_eq!(errors.len(), 1, "{output}");
    for part in [
        "the invocation failed",
        "error_type=\"InvalidEvent\"",
        "error_message=\"the event is invalid: ",
    ] {
        assert!(errors[0].contains(part), "{part}: {}", errors[0]);
    }
    assert!(!output.contains("Diagnostic {"), "{output}");
}

#[tokio::test]
async fn payload_that_is_not_json_is_invalid_event_with_metrics() {
    let (answers, output) = invoke_binary(&[
        b"run",
        b"{",
        b"{} {}",
        b"\"{}\"",
        b"[123, 125]",
        b"\xff\xfe{\0}\0",
        b"{\"packs\": [\"\xff\"]}",
        b"{}",
    ])
    .await;
    assert_eq!(answers.len(), 8, "{output}");
    for (path, body) in &answers[..7] {
        assert!(path.ends_with("/error"), "{path}: {body}");
        assert_eq!(body["errorType"], "InvalidEvent", "{body}");
        let message = body["errorMessage"].as_str().expect("a message");
        assert!(message.contains("JSON object such as {}"), "{message}");
    }
    assert_eq!(answers[7].1["outcome"], "committed", "the process goes on");
    assert_eq!(output.matches("\"_aws\"").count(), 8, "{output}");
}
