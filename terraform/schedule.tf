# A group of its own, so that no other schedule of the account can use the role.
resource "aws_scheduler_schedule_group" "this" {
  name = var.name
}

resource "aws_scheduler_schedule" "runs" {
  #checkov:skip=CKV_AWS_297:The input of the schedule is no secret, and EventBridge Scheduler encrypts it with its own key
  name                = "${var.name}-runs"
  group_name          = aws_scheduler_schedule_group.this.name
  description         = "Starts packwatch."
  state               = var.schedule_state
  schedule_expression = var.schedule_expression

  # Many schedules of an account start on the quarter hour and share its quotas.
  flexible_time_window {
    mode                      = "FLEXIBLE"
    maximum_window_in_minutes = 5
  }

  target {
    arn      = aws_lambda_function.this.arn
    role_arn = aws_iam_role.schedule.arn
    # EventBridge Scheduler inserts the scheduled time, from which the snapshot takes its name. Not
    # jsonencode, which escapes the angle brackets.
    input = "{\"trigger\":\"schedule\",\"scheduled_at\":\"<aws.scheduler.scheduled-time>\"}"

    # After a quarter of an hour the next scheduled start makes a late one useless.
    retry_policy {
      maximum_retry_attempts       = 3
      maximum_event_age_in_seconds = 900
    }

    dead_letter_config {
      arn = aws_sqs_queue.failed_starts.arn
    }
  }

  depends_on = [aws_iam_role_policy.schedule]
}

resource "aws_scheduler_schedule" "summary" {
  #checkov:skip=CKV_AWS_297:The input of the schedule is no secret, and EventBridge Scheduler encrypts it with its own key
  count = var.summary_schedule == "off" ? 0 : 1

  name                = "${var.name}-summary"
  group_name          = aws_scheduler_schedule_group.this.name
  description         = "Starts packwatch for a summary."
  state               = var.schedule_state
  schedule_expression = var.summary_schedule

  flexible_time_window {
    mode                      = "FLEXIBLE"
    maximum_window_in_minutes = 5
  }

  target {
    arn      = aws_lambda_function.this.arn
    role_arn = aws_iam_role.schedule.arn
    input    = "{\"trigger\":\"schedule\",\"scheduled_at\":\"<aws.scheduler.scheduled-time>\",\"summary\":true}"

    retry_policy {
      maximum_retry_attempts       = 3
      maximum_event_age_in_seconds = 900
    }

    dead_letter_config {
      arn = aws_sqs_queue.failed_starts.arn
    }
  }

  depends_on = [aws_iam_role_policy.schedule]
}
