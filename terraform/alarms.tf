locals {
  # An alarm needs at least one evaluation period.
  alarms_on_no_run = var.schedule_state == "ENABLED" && var.no_run_alarm_minutes > 0
}

resource "aws_cloudwatch_metric_alarm" "run_failed" {
  alarm_name          = "${var.name}-RunFailed"
  alarm_description   = local.alarm_descriptions.run_failed
  namespace           = "AWS/Lambda"
  metric_name         = "Errors"
  dimensions          = { FunctionName = aws_lambda_function.this.function_name }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  # Missing runs are another alarm.
  treat_missing_data = "notBreaching"
  alarm_actions      = local.alarm_topic_arns
  ok_actions         = local.alarm_topic_arns
}

# With periods of one minute the variable is their number. CloudWatch evaluates a few more periods, so
# the alarm is that much later.
resource "aws_cloudwatch_metric_alarm" "no_recent_run" {
  count = local.alarms_on_no_run ? 1 : 0

  alarm_name          = "${var.name}-NoRecentRun"
  alarm_description   = local.alarm_descriptions.no_recent_run
  namespace           = "packwatch"
  metric_name         = "RunCommitted"
  dimensions          = { FunctionName = aws_lambda_function.this.function_name }
  unit                = "Count"
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = var.no_run_alarm_minutes
  datapoints_to_alarm = var.no_run_alarm_minutes
  threshold           = 1
  comparison_operator = "LessThanThreshold"
  # A function that does not run emits nothing.
  treat_missing_data = "breaching"
  alarm_actions      = local.alarm_topic_arns
  ok_actions         = local.alarm_topic_arns
}

# CloudWatch does not know the schedule, so the alarm counts minutes, not runs. A minute without any
# run counts as incomplete, or the pause between two runs would end the alarm.
resource "aws_cloudwatch_metric_alarm" "incomplete" {
  count = local.alarms_on_no_run ? 1 : 0

  alarm_name          = "${var.name}-Incomplete"
  alarm_description   = local.alarm_descriptions.incomplete
  namespace           = "packwatch"
  metric_name         = "RunIncomplete"
  dimensions          = { FunctionName = aws_lambda_function.this.function_name }
  unit                = "Count"
  statistic           = "Minimum"
  period              = 60
  evaluation_periods  = var.no_run_alarm_minutes
  datapoints_to_alarm = var.no_run_alarm_minutes
  threshold           = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "breaching"
  alarm_actions       = local.alarm_topic_arns
  ok_actions          = local.alarm_topic_arns
}

resource "aws_cloudwatch_metric_alarm" "digest_not_delivered" {
  alarm_name          = "${var.name}-DigestNotDelivered"
  alarm_description   = local.alarm_descriptions.digest_not_delivered
  namespace           = "packwatch"
  metric_name         = "OldestUndeliveredDigestAge"
  dimensions          = { FunctionName = aws_lambda_function.this.function_name }
  unit                = "Seconds"
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 3600
  comparison_operator = "GreaterThanThreshold"
  # The alarm keeps its state between two runs.
  treat_missing_data = "ignore"
  alarm_actions      = local.alarm_topic_arns
  ok_actions         = local.alarm_topic_arns
}

resource "aws_cloudwatch_metric_alarm" "run_dead_lettered" {
  alarm_name          = "${var.name}-RunDeadLettered"
  alarm_description   = local.alarm_descriptions.run_dead_lettered
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.failed_runs.name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  # SQS stops sending metrics six hours after the last message or call, even if messages are left in
  # the queue. The alarm keeps its state until somebody deletes them: after that call, SQS sends
  # metrics again.
  treat_missing_data = "ignore"
  alarm_actions      = local.alarm_topic_arns
}

resource "aws_cloudwatch_metric_alarm" "start_dead_lettered" {
  alarm_name          = "${var.name}-StartDeadLettered"
  alarm_description   = local.alarm_descriptions.start_dead_lettered
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.failed_starts.name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "ignore"
  alarm_actions       = local.alarm_topic_arns
}
