# What the variables create. Good and bad values of each variable are tried by
# tests/e2e/terraform_module.py, which takes them from tests/e2e/parameters.json.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  package = "README.md"
}

run "defaults_create_bucket_topic_and_alarms_without_actions" {
  assert {
    condition     = length(aws_s3_bucket.this) == 1 && length(aws_sns_topic.digests) == 1
    error_message = "A bucket and a topic must exist."
  }
  assert {
    condition     = length(aws_sns_topic.alarms) == 0 && length(coalesce(aws_cloudwatch_metric_alarm.run_failed.alarm_actions, [])) == 0
    error_message = "Without an address or a topic, the alarms must have no action."
  }
  assert {
    condition     = length(aws_cloudwatch_dashboard.this) == 0 && output.dashboard_name == null
    error_message = "The dashboard must be off."
  }
  assert {
    condition     = one(aws_lambda_function.this.environment).variables.ROLE_ARNS == "self"
    error_message = "The function must read as itself."
  }
  assert {
    condition     = aws_scheduler_schedule.summary[0].schedule_expression == "cron(0 8 ? * MON *)"
    error_message = "The summary must start on Mondays."
  }
}

run "email_address_gets_digests_and_alarms" {
  variables {
    email_address = "team@example.com"
  }
  assert {
    condition     = aws_sns_topic_subscription.digests[0].endpoint == "team@example.com" && aws_sns_topic_subscription.alarms[0].endpoint == "team@example.com"
    error_message = "The address must be subscribed to both topics."
  }
  assert {
    condition     = one(aws_cloudwatch_metric_alarm.run_failed.alarm_actions) == aws_sns_topic.alarms[0].arn
    error_message = "The alarms must notify the topic of the module."
  }
}

run "alarm_topic_replaces_that_of_the_module" {
  variables {
    email_address   = "team@example.com"
    alarm_topic_arn = "arn:aws:sns:eu-west-1:111122223333:alarms"
  }
  assert {
    condition     = length(aws_sns_topic.alarms) == 0 && one(aws_cloudwatch_metric_alarm.run_failed.alarm_actions) == var.alarm_topic_arn
    error_message = "The alarms must notify the given topic."
  }
}

run "existing_resources_are_used" {
  variables {
    existing_bucket_name = "team-bucket"
    existing_topic_arn   = "arn:aws:sns:eu-west-1:111122223333:team"
  }
  assert {
    condition     = length(aws_s3_bucket.this) == 0 && length(aws_s3_bucket_policy.this) == 0 && length(aws_sns_topic.digests) == 0
    error_message = "Neither a bucket nor a topic may be created."
  }
  assert {
    condition     = output.bucket_name == "team-bucket" && output.topic_arn == var.existing_topic_arn
    error_message = "The outputs must be the existing resources."
  }
}

run "package_from_a_bucket_is_used" {
  variables {
    package         = null
    package_bucket  = "releases"
    package_key     = "packwatch-1.0.0-arm64.zip"
    package_version = "v1"
  }
  assert {
    condition     = aws_lambda_function.this.s3_key == "packwatch-1.0.0-arm64.zip" && aws_lambda_function.this.s3_object_version == "v1" && aws_lambda_function.this.filename == null
    error_message = "The function must be created from the object."
  }
}

run "paused_schedule_has_no_alarms_on_missing_runs" {
  variables {
    schedule_state   = "DISABLED"
    summary_schedule = "off"
  }
  assert {
    condition     = length(aws_cloudwatch_metric_alarm.no_recent_run) == 0 && length(aws_cloudwatch_metric_alarm.incomplete) == 0
    error_message = "The alarms on missing runs must not exist."
  }
  assert {
    condition     = aws_scheduler_schedule.runs.state == "DISABLED" && length(aws_scheduler_schedule.summary) == 0
    error_message = "Nothing may start the function."
  }
}

run "null_keeps_the_default" {
  command = plan
  variables {
    label       = null
    memory_size = null
    regions     = null
  }
  assert {
    condition     = aws_lambda_function.this.memory_size == 256
    error_message = "null must mean the default."
  }
}

run "package_is_required" {
  command = plan
  variables {
    package = null
  }
  expect_failures = [var.package]
}

run "package_is_given_once" {
  command = plan
  variables {
    package_bucket = "releases"
    package_key    = "packwatch.zip"
  }
  expect_failures = [var.package]
}

run "package_bucket_needs_package_key" {
  command = plan
  variables {
    package_bucket = "releases"
  }
  expect_failures = [var.package_bucket]
}

run "package_version_needs_package_bucket" {
  command = plan
  variables {
    package_version = "v1"
  }
  expect_failures = [var.package_version]
}

run "email_address_needs_a_topic_of_the_module" {
  command = plan
  variables {
    email_address      = "team@example.com"
    existing_topic_arn = "arn:aws:sns:eu-west-1:111122223333:team"
  }
  expect_failures = [var.email_address]
}

run "chat_topic_differs_from_digest_topic" {
  command = plan
  variables {
    existing_topic_arn = "arn:aws:sns:eu-west-1:111122223333:team"
    chat_topic_arn     = "arn:aws:sns:eu-west-1:111122223333:team"
  }
  expect_failures = [var.chat_topic_arn]
}

run "dashboard_needs_all_metrics" {
  command = plan
  variables {
    dashboard = true
  }
  expect_failures = [var.dashboard]
}
