# Written by tools/terraform_docs.py from template.yaml: do not edit.
locals {
  alarm_descriptions = {
    run_failed           = "A run of packwatch failed. Unless the log says that a digest was dropped, nothing is lost: the next successful run sends the notifications. First: read the error in the log group ${aws_cloudwatch_log_group.function.name}; its message says what to do. If the alarm returns to OK soon, a retry succeeded. Runbook: ${var.documentation_url}docs/operations.md#runfailed"
    no_recent_run        = "packwatch has committed no run for ${var.no_run_alarm_minutes} minutes, so no failure is reported. First: read the newest errors in the log group ${aws_cloudwatch_log_group.function.name}; if it has no new lines, check that the schedule in the group ${aws_scheduler_schedule_group.this.name} is enabled, and read the messages in the queue ${aws_sqs_queue.failed_starts.name}. A new stack is in alarm until its first run. Runbook: ${var.documentation_url}docs/operations.md#norecentrun"
    incomplete           = "No run of packwatch has been complete for ${var.no_run_alarm_minutes} minutes: a source or a pack cannot be read, and the failures that are open there stay unconfirmed. First: if NoRecentRun is in alarm too, begin there; else read the gaps in latest.json in the bucket, which name caller, region, operation and error. Runbook: ${var.documentation_url}docs/operations.md#incomplete"
    digest_not_delivered = "A digest of packwatch has waited for more than an hour to be delivered: its changes are stored, and its receiver was not notified. First: look in the log group ${aws_cloudwatch_log_group.function.name} for the warning that a receiver still refuses a digest; it names the receiver and the response from AWS. Every run sends the digest again until the receiver accepts it. Runbook: ${var.documentation_url}docs/operations.md#digestnotdelivered"
    run_dead_lettered    = "A run of packwatch failed three times and is in the dead-letter queue. The next scheduled run finds the same changes. First: read the message in the queue ${aws_sqs_queue.failed_runs.name}; it holds the event and the error. Fix the cause, then delete the message. The alarm ends a few minutes later, and does not end by itself while the message is there. Runbook: ${var.documentation_url}docs/operations.md#rundeadlettered"
    start_dead_lettered  = "EventBridge Scheduler could not start packwatch. First: read the attribute ERROR_MESSAGE of the message in the queue ${aws_sqs_queue.failed_starts.name}; the usual cause is a changed role ${aws_iam_role.schedule.name} or function. Fix the cause, then delete the message. The alarm ends a few minutes later, and does not end by itself while the message is there. Runbook: ${var.documentation_url}docs/operations.md#startdeadlettered"
  }

  queries = {
    "${var.name}/errors and warnings"                                                     = "fields @timestamp, level, fields.error_type, fields.error_message, fields.message\n| filter level in [\"ERROR\", \"WARN\"] and ispresent(fields.message)\n| sort @timestamp desc\n| limit 100"
    "${var.name}/open failures"                                                           = "filter ispresent(FailuresOpen)\n| stats max(FailuresOpen), max(AccountsFailing), max(PacksFailing) by bin(1h)"
    "${var.name}/appeared and cleared"                                                    = "filter ispresent(RunCommitted)\n| stats sum(Appeared), sum(Cleared) by bin(1h)"
    "${var.name}/age in hours of the oldest failure and of the oldest undelivered digest" = "filter ispresent(OldestFailureAge)\n| stats max(OldestFailureAge) / 3600, max(OldestUndeliveredDigestAge) / 3600 by bin(1h)"
    "${var.name}/runs committed and incomplete, and gaps"                                 = "filter ispresent(RunCommitted)\n| stats sum(RunCommitted), sum(RunIncomplete), max(Gaps) by bin(1h)"
    "${var.name}/duration in milliseconds, and calls to AWS Config"                       = "filter ispresent(RunTime)\n| stats max(RunTime), max(ReadTime), sum(ConfigCalls), sum(ConfigThrottles) by bin(1h)"
  }

  dashboard_body = <<EOT
{
  "periodOverride": "inherit",
  "widgets": [
    {"type": "metric", "x": 0, "y": 0, "width": 12, "height": 6, "properties": {
      "title": "Open failures", "region": "${local.region}", "view": "timeSeries", "stat": "Maximum", "period": 900,
      "yAxis": {"left": {"label": "Count", "showUnits": false, "min": 0}},
      "metrics": [
        ["packwatch", "FailuresOpen", "FunctionName", "${aws_lambda_function.this.function_name}"],
        ["packwatch", "AccountsFailing", "FunctionName", "${aws_lambda_function.this.function_name}"],
        ["packwatch", "PacksFailing", "FunctionName", "${aws_lambda_function.this.function_name}"]
      ]}},
    {"type": "metric", "x": 12, "y": 0, "width": 12, "height": 6, "properties": {
      "title": "Appeared and cleared", "region": "${local.region}", "view": "timeSeries", "stat": "Sum", "period": 900,
      "yAxis": {"left": {"label": "Count", "showUnits": false, "min": 0}},
      "metrics": [
        ["packwatch", "Appeared", "FunctionName", "${aws_lambda_function.this.function_name}", {"color": "#d62728"}],
        ["packwatch", "Cleared", "FunctionName", "${aws_lambda_function.this.function_name}", {"color": "#2ca02c"}]
      ]}},
    {"type": "metric", "x": 0, "y": 6, "width": 12, "height": 6, "properties": {
      "title": "Age of the oldest failure and of the oldest undelivered digest", "region": "${local.region}",
      "view": "timeSeries", "stat": "Maximum", "period": 900,
      "yAxis": {"left": {"label": "Seconds", "showUnits": false, "min": 0}},
      "metrics": [
        ["packwatch", "OldestFailureAge", "FunctionName", "${aws_lambda_function.this.function_name}"],
        ["packwatch", "OldestUndeliveredDigestAge", "FunctionName", "${aws_lambda_function.this.function_name}"]
      ]}},
    {"type": "metric", "x": 12, "y": 6, "width": 12, "height": 6, "properties": {
      "title": "Runs committed and incomplete, and gaps", "region": "${local.region}",
      "view": "timeSeries", "stat": "Sum", "period": 900,
      "yAxis": {"left": {"label": "Count", "showUnits": false, "min": 0}},
      "metrics": [
        ["packwatch", "RunCommitted", "FunctionName", "${aws_lambda_function.this.function_name}"],
        ["packwatch", "RunIncomplete", "FunctionName", "${aws_lambda_function.this.function_name}"],
        ["packwatch", "Gaps", "FunctionName", "${aws_lambda_function.this.function_name}", {"stat": "Maximum"}],
        ["AWS/Lambda", "Errors", "FunctionName", "${aws_lambda_function.this.function_name}"]
      ]}},
    {"type": "metric", "x": 0, "y": 12, "width": 12, "height": 6, "properties": {
      "title": "Duration", "region": "${local.region}", "view": "timeSeries", "stat": "Maximum", "period": 900,
      "yAxis": {"left": {"label": "Milliseconds", "showUnits": false, "min": 0}},
      "metrics": [
        ["packwatch", "RunTime", "FunctionName", "${aws_lambda_function.this.function_name}"],
        ["packwatch", "ReadTime", "FunctionName", "${aws_lambda_function.this.function_name}"]
      ]}},
    {"type": "metric", "x": 12, "y": 12, "width": 12, "height": 6, "properties": {
      "title": "Calls to AWS Config, and throttled calls", "region": "${local.region}", "view": "timeSeries", "stat": "Sum", "period": 900,
      "yAxis": {"left": {"label": "Count", "showUnits": false, "min": 0}},
      "metrics": [
        ["packwatch", "ConfigCalls", "FunctionName", "${aws_lambda_function.this.function_name}"],
        ["packwatch", "ConfigThrottles", "FunctionName", "${aws_lambda_function.this.function_name}", {"color": "#d62728"}]
      ]}}
  ]
}
EOT
}
