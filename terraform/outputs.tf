locals {
  # The console of each partition has another host.
  console_host = lookup({
    aws-cn     = "console.amazonaws.cn"
    aws-us-gov = "console.amazonaws-us-gov.com"
    aws-eusc   = "console.amazonaws-eusc.eu"
  }, local.partition, "console.aws.amazon.com")
  invoke = "aws lambda invoke --function-name ${aws_lambda_function.this.function_name} --region ${local.region} --cli-read-timeout 310 --cli-binary-format raw-in-base64-out --payload"
}

output "function_name" {
  description = "Name of the function, to invoke it by hand."
  value       = aws_lambda_function.this.function_name
}

output "function_role_arn" {
  description = "ARN of the function's role, a variable of modules/reader and a parameter of roles/reader.yaml."
  value       = aws_iam_role.function.arn
}

output "bucket_name" {
  description = "Bucket of the snapshots, latest.json and the ledger."
  value       = local.bucket_name
}

output "report_url" {
  description = "The report in the AWS console, once a full run has written it."
  value       = "https://${local.console_host}/s3/object/${local.bucket_name}?region=${local.region}&prefix=${var.snapshot_prefix}report.html"
}

output "topic_arn" {
  description = "Topic of the digests, to subscribe to."
  value       = local.topic_arn
}

output "chat_topic_arn" {
  description = "Topic for Amazon Q Developer in chat applications; null without one."
  value       = var.chat_topic_arn == "" ? null : var.chat_topic_arn
}

output "alarm_topic_arn" {
  description = "Topic that the alarms notify; null without one."
  value       = one(local.alarm_topic_arns)
}

output "failed_runs_url" {
  description = "Dead-letter queue of failed runs."
  value       = aws_sqs_queue.failed_runs.url
}

output "failed_starts_url" {
  description = "Dead-letter queue of invocations that EventBridge Scheduler could not deliver."
  value       = aws_sqs_queue.failed_starts.url
}

output "schedule_group_name" {
  description = "Group of the schedules."
  value       = aws_scheduler_schedule_group.this.name
}

output "dashboard_name" {
  description = "Name of the dashboard in CloudWatch; null without one."
  value       = one(aws_cloudwatch_dashboard.this[*].dashboard_name)
}

output "check_command" {
  description = "Checks the setup; answer.json holds what was checked, and what to do."
  value       = "${local.invoke} '{\"check\":true}' answer.json"
}

output "test_command" {
  description = "Sends a test notification to every receiver."
  value       = "${local.invoke} '{\"test\":true}' answer.json"
}

output "mute_command" {
  description = "Mutes failures until the end of a date; docs/mutes.md lists what can be matched."
  value       = "${local.invoke} '{\"mute\":{\"packs\":[\"PACK\"],\"accounts\":[\"ACCOUNT\"],\"until\":\"DATE\",\"reason\":\"REASON\"}}' answer.json"
}

output "dry_run_command" {
  description = "Runs the function once without writing or publishing; answer.json holds the text that would be sent."
  value       = "${local.invoke} '{\"dry_run\":true}' answer.json"
}
