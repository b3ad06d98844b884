//! Checks `topic`: each topic exists and has confirmed subscriptions. Nothing is published.

use super::answers::{Meaning, describe, meaning, skipped};
use super::facts::Facts;
use crate::model::{ApiError, ReceiverArn};
use crate::ports::Subscriptions;
use crate::report::{Check, CheckAction, CheckStatus, counted};

const NAME: &str = "topic";

/// Makes one check for each topic, the digest topic first.
pub(super) fn checks<'f>(facts: &'f Facts<'_>) -> impl Iterator<Item = Check> + 'f {
    facts.topics.iter().map(|(topic, answer)| {
        let topic = Topic::new(facts, topic);
        match answer {
            Ok(subscriptions) => topic.subscribed(*subscriptions),
            Err(error) => topic.failed(facts, error),
        }
    })
}

/// A topic, and the parts of its ARN.
struct Topic<'a> {
    arn: &'a str,
    region: &'a str,
    account: &'a str,
    name: &'a str,
    is_fifo: bool,
    is_chat: bool,
}

impl<'a> Topic<'a> {
    fn new(facts: &Facts<'_>, topic: &'a ReceiverArn) -> Self {
        let mut parts = topic.as_str().split(':').skip(3);
        let mut next = || parts.next().unwrap_or_default();
        Self {
            region: next(),
            account: next(),
            name: next(),
            arn: topic.as_str(),
            is_fifo: topic.is_fifo(),
            is_chat: facts.plan.settings.chat_topic.as_ref() == Some(topic),
        }
    }

    fn subscribed(&self, subscriptions: Subscriptions) -> Check {
        let Subscriptions { confirmed, pending } = subscriptions;
        let arn = self.arn;
        let count = counted(
            usize::try_from(confirmed).unwrap_or(usize::MAX),
            "confirmed subscription",
        );
        match (confirmed, pending) {
            (1.., 0) => Check::new(NAME, CheckStatus::Ok, format!("{arn}: {count}")),
            (_, 1..) => {
                let detail = format!(
                    "{arn}: {count}, {pending} pending; a pending subscription receives nothing until it is confirmed"
                );
                let action = CheckAction::new(format!(
                    "Confirm each subscription of {arn} with the link that SNS sent to it; then {} sends everything that is open; \
                     this lists the subscriptions",
                    r#"{"announce": "always"}"#
                ));
                Check::new(NAME, CheckStatus::Warning, detail)
                    .with_action(self.list_subscriptions(action))
            }
            (0, 0) => {
                let detail = format!("{arn}: no subscriptions, so nobody gets what is published");
                Check::new(NAME, CheckStatus::Warning, detail).with_action(self.subscribe())
            }
        }
    }

    /// Returns the action for a topic without subscriptions. A FIFO topic delivers to SQS only, and
    /// Amazon Q Developer subscribes itself.
    fn subscribe(&self) -> CheckAction {
        if self.is_chat {
            let action = CheckAction::new(format!(
                "Add {} to a channel of Amazon Q Developer in chat applications, which subscribes itself; this lists the \
                 subscriptions",
                self.arn
            ));
            return self.list_subscriptions(action);
        }
        let (what, protocol, endpoint) = if self.is_fifo {
            ("a queue", "sqs", format!("{}:QUEUE.fifo", self.sqs_arn()))
        } else {
            ("an email address", "email", "team@example.com".to_owned())
        };
        CheckAction::new(format!("Subscribe {what} to {}", self.arn)).command(
            "aws sns subscribe",
            &[
                ("topic-arn", self.arn),
                ("protocol", protocol),
                ("notification-endpoint", &endpoint),
                ("region", self.region),
            ],
        )
    }

    /// Returns the beginning of the ARN of a queue beside the topic.
    fn sqs_arn(&self) -> String {
        let partition = self.arn.split(':').nth(1).unwrap_or_default();
        format!("arn:{partition}:sqs:{}:{}", self.region, self.account)
    }

    fn failed(&self, facts: &Facts<'_>, error: &ApiError) -> Check {
        let arn = self.arn;
        let detail = format!("{arn}: {}", describe(error));
        let is_own = self.account == facts.own_account.as_str();
        match meaning(error) {
            Meaning::OutOfTime => skipped(NAME, detail),
            Meaning::Denied if is_own => skipped(
                NAME,
                format!("{detail} (sns:GetTopicAttributes is not allowed)"),
            ),
            Meaning::Denied => {
                let detail = format!(
                    "{arn} is in another account that denies access to it, so it is not known whether it exists: {}",
                    describe(error)
                );
                let action = CheckAction::new(format!(
                    "In account {}, allow account {} in the policy of {arn}",
                    self.account, facts.own_account
                ))
                .command(
                    "aws sns add-permission",
                    &[
                        ("topic-arn", arn),
                        ("label", "packwatch"),
                        ("aws-account-id", facts.own_account.as_str()),
                        ("region", self.region),
                        ("action-name", "Publish"),
                    ],
                )
                .more_words(["GetTopicAttributes".to_owned()]);
                Check::new(NAME, CheckStatus::Warning, detail).with_action(action)
            }
            Meaning::NotFound => {
                let detail = format!("{arn} does not exist");
                Check::new(NAME, CheckStatus::Failed, detail).with_action(self.create())
            }
            Meaning::NoAnswer => {
                let action = CheckAction::new(format!(
                    "Give the function a route to SNS in {} (in a VPC, an interface endpoint or a NAT gateway); this asks for {arn} \
                     from elsewhere",
                    self.region
                ));
                Check::new(NAME, CheckStatus::Failed, detail).with_action(self.look_at(action))
            }
            _ => {
                let action = CheckAction::new(format!(
                    "Find out why SNS does not serve {arn}; this requests it with your credentials"
                ));
                Check::new(NAME, CheckStatus::Failed, detail).with_action(self.look_at(action))
            }
        }
    }

    /// Returns the action for a topic that does not exist. A stack does not create again what was
    /// deleted by hand.
    fn create(&self) -> CheckAction {
        let parameter = if self.is_chat {
            "ChatTopicArn"
        } else {
            "ExistingTopicArn"
        };
        let mut options = vec![("name", self.name), ("region", self.region)];
        if self.is_fifo {
            options.push(("attributes", "FifoTopic=true"));
        }
        CheckAction::new(format!(
            "Create {} again and subscribe to it again (the stack does not recreate what was deleted by hand), or name another topic in \
             {parameter}",
            self.arn
        ))
        .command("aws sns create-topic", &options)
    }

    fn list_subscriptions(&self, action: CheckAction) -> CheckAction {
        action.command(
            "aws sns list-subscriptions-by-topic",
            &[("topic-arn", self.arn), ("region", self.region)],
        )
    }

    fn look_at(&self, action: CheckAction) -> CheckAction {
        action.command(
            "aws sns get-topic-attributes",
            &[("topic-arn", self.arn), ("region", self.region)],
        )
    }
}
