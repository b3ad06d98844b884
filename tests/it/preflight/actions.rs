//! Actions: a shell reads the same words from the response and from the text, commands name known
//! options, and parameters are those of the template.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use serde_json::Value;

use super::broken::CASES;
use super::text;

/// Returns the words that a POSIX shell reads from a script of simple commands: one line for each.
fn shell_words(script: &str) -> Vec<String> {
    let functions = "aws() { printf '%s\\n' aws \"$@\"; }\n";
    let output = Command::new("sh")
        .args(["-euc", &format!("{functions}{script}")])
        .env_clear()
        .output()
        .expect("a shell");
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{script}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let words = String::from_utf8(output.stdout).expect("text");
    words.lines().map(str::to_owned).collect()
}

/// Returns the words of a command, or the one of a parameter.
fn words_of_step(step: &str) -> Vec<String> {
    if step.starts_with("aws ") {
        shell_words(step)
    } else {
        shell_words(&format!("printf '%s\\n' {step}"))
    }
}

/// Returns the steps of an action: what stands between backticks.
fn steps(action: &str) -> Vec<&str> {
    action.split('`').skip(1).step_by(2).collect()
}

/// Returns the steps below the table, each with the lines that it is broken into.
fn steps_of_text(table: &str) -> Vec<String> {
    let mut steps = Vec::new();
    let mut open = false;
    for line in table.lines().skip_while(|line| *line != "TO DO").skip(1) {
        let is_text = line.starts_with(|c: char| c == ' ' || c.is_ascii_digit());
        if open {
            let step: &mut String = steps.last_mut().expect("a step");
            step.push('\n');
            step.push_str(line);
        } else if !is_text && !line.is_empty() {
            steps.push(line.to_owned());
        } else {
            continue;
        }
        open = line.ends_with('\\');
    }
    steps
}

/// Returns the parameters of a template.
fn parameters(path: &str) -> BTreeSet<String> {
    let template = fs::read_to_string(path).expect("a template");
    let parameters = template
        .split("\nParameters:\n")
        .nth(1)
        .expect("parameters");
    let parameters = parameters
        .split("\nConditions:\n")
        .next()
        .expect("them alone");
    let name = |line: &str| Some(line.strip_prefix("  ")?.strip_suffix(':')?.to_owned());
    parameters
        .lines()
        .filter_map(name)
        .filter(|name| !name.starts_with(' '))
        .collect()
}

#[tokio::test]
async fn each_action_has_steps_that_a_shell_can_read() {
    let root = env!("CARGO_MANIFEST_DIR");
    let template = parameters(&format!("{root}/template.yaml"));
    let reader = parameters(&format!("{root}/roles/reader.yaml"));
    assert!(template.contains("Regions") && reader.contains("FunctionRoleArn"));
    let mut golden = String::new();
    for case in CASES {
        let (response, _) = case.run().await;
        let checks = response["checks"].as_array().expect("a list");
        let actions: Vec<_> = checks
            .iter()
            .filter(|check| check["action"] != Value::Null)
            .collect();
        let mut of_response = Vec::new();
        for check in actions {
            let action = text(check, "action");
            let steps = steps(action);
            assert!(!steps.is_empty(), "{}: {action} has no step", case.name);
            for step in steps {
                if step.starts_with("aws ") {
                    let words = shell_words(step);
                    let overrides = words
                        .iter()
                        .skip_while(|word| *word != "--parameter-overrides");
                    for value in overrides.skip(1) {
                        let name = value.split('=').next().expect("a name");
                        assert!(reader.contains(name), "{}: {step}", case.name);
                    }
                    golden.push_str(&words.join("\t"));
                    golden.push('\n');
                    of_response.push(words);
                } else {
                    let (name, _) = step.split_once('=').expect("a parameter");
                    assert!(template.contains(name), "{}: {step}", case.name);
                    of_response.push(words_of_step(step));
                }
            }
        }
        let of_text: Vec<_> = steps_of_text(text(&response, "text"))
            .iter()
            .map(|step| words_of_step(step))
            .collect();
        assert_eq!(
            of_text,
            of_response,
            "{}: {}",
            case.name,
            text(&response, "text")
        );
    }
    let commands: BTreeSet<_> = golden.lines().collect();
    let commands: Vec<_> = commands.into_iter().collect();
    // tests/e2e/preflight_test.py compares these commands with the models of botocore.
    insta::assert_snapshot!("commands", commands.join("\n"));
}
