//! A stage: an organization, a function with a clock of its own, and the story of what its
//! receivers get.

use std::fmt::Write;

use packwatch_simulation::{Publish, StatusRecord};
use serde_json::{Value, json};

use super::organization::{OTHER, PACKS, REGIONS, ROLE, account, account_name};
use crate::support::harness::{BUCKET, BUS, CHAT, OWN, TestEnv, chat_text, email, program_json};

/// Maximum number of entries of a list in the story.
const MAX_ENTRIES: usize = 3;

/// An organization, and what was sent about it.
pub struct Stage {
    pub env: TestEnv,
    /// What was sent to the digest topic and the chat topic, run by run.
    pub sent: Vec<Option<Sent>>,
    /// The documents of each run: what they are, and their JSON.
    pub documents: Vec<(&'static str, Value)>,
    story: String,
    emails: usize,
    chats: usize,
    events: usize,
}

/// What one run sent to the digest topic and the chat topic.
#[derive(Clone)]
pub struct Sent {
    pub subject: String,
    pub email: String,
    pub chat: String,
    pub json: Value,
}

impl Stage {
    /// Returns a stage without packs, with two topics, three regions and a pending period of an
    /// hour.
    pub async fn new() -> Self {
        let mut env = TestEnv::new().await;
        env.world.create_topic(CHAT);
        env.world.allow_caller(OTHER);
        env.world.allow_role(ROLE, None);
        for (variable, value) in [
            ("CHAT_TOPIC_ARN", CHAT),
            ("REGIONS", "eu-west-1,eu-central-1,us-east-1"),
            ("ANNOUNCE_AFTER_MINUTES", "60"),
            ("LABEL", "prod"),
            ("ACCOUNT_NAMES", "on"),
        ] {
            env.set(variable, value);
        }
        for number in 0..80 {
            env.world
                .put_account(&account(number), &account_name(number), "ACTIVE");
        }
        env.world.put_account(OTHER, "audit", "ACTIVE");
        Self {
            env,
            sent: Vec::new(),
            documents: Vec::new(),
            story: String::new(),
            emails: 0,
            chats: 0,
            events: 0,
        }
    }

    /// Puts packs without failures into all regions.
    pub fn settle(&self, packs: usize, accounts: usize) {
        for region in REGIONS {
            for pack in &PACKS[..packs] {
                self.put_pack(region, pack, accounts);
            }
        }
    }

    pub fn put_pack(&self, region: &str, pack: &str, accounts: usize) {
        let world = &self.env.world;
        world.put_pack(OWN, region, pack, StatusRecord::new("CREATE_SUCCESSFUL"));
        for number in 0..accounts {
            let record = StatusRecord::new("CREATE_SUCCESSFUL");
            world.put_member(OWN, region, pack, &account(number), record);
        }
    }

    pub fn put(&self, region: &str, pack: &str, number: usize, record: StatusRecord) {
        self.env
            .world
            .put_member(OWN, region, pack, &account(number), record);
    }

    pub fn heal(&self, region: &str, pack: &str, number: usize) {
        self.put(region, pack, number, StatusRecord::new("UPDATE_SUCCESSFUL"));
    }

    /// Makes a full run.
    pub async fn run(&mut self, at: &str) {
        self.run_event(at, json!({})).await;
    }

    /// Makes a run, and adds what it sends to the story.
    pub async fn run_event(&mut self, at: &str, event: Value) {
        self.env.set_time(at);
        let _ = writeln!(self.story, "######## {at} {event}");
        match self.env.invoke(event).await {
            Ok(response) => {
                if response["outcome"] == "committed" {
                    let snapshot = self.env.snapshot(&response);
                    self.documents.push(("snapshot", snapshot));
                }
                self.documents.push(("response", response.clone()));
                if let Some(text) = response["digest"]["text"].as_str() {
                    let _ = writeln!(self.story, "--- text in the response\n{text}");
                }
            }
            Err(error) => {
                let _ = writeln!(self.story, "--- {}\n{}", error.kind(), error.to_report());
            }
        }
        let topic = self.env.env["TOPIC_ARN"].clone();
        let (emails, chats) = (self.env.publishes(&topic), self.env.publishes(CHAT));
        let new_email = emails.get(self.emails..).and_then(<[Publish]>::last);
        let new_chat = chats.get(self.chats..).and_then(<[Publish]>::last);
        let sent = new_email.zip(new_chat).map(|(publish, chat)| Sent {
            subject: publish.subject.clone().expect("a subject"),
            email: email(publish),
            chat: chat_story(chat),
            json: program_json(publish),
        });
        (self.emails, self.chats) = (emails.len(), chats.len());
        if let Some(ledger) = self.env.world.object(BUCKET, "ledger.json") {
            let ledger = serde_json::from_slice(&ledger).expect("JSON");
            self.documents.push(("ledger", ledger));
        }
        match &sent {
            Some(sent) => sent.tell(&mut self.story),
            None => self.story.push_str("(no digest)\n\n"),
        }
        self.tell_events();
        self.documents
            .extend(sent.iter().map(|sent| ("digest", sent.json.clone())));
        self.sent.push(sent);
    }

    /// Returns the last digest.
    pub fn last(&self) -> &Sent {
        let sent = self.sent.last().and_then(Option::as_ref);
        sent.expect("the last run sent a digest")
    }

    /// Returns everything that happened.
    pub fn story(&self) -> &str {
        &self.story
    }

    fn tell_events(&mut self) {
        let events = self.env.world.events();
        for event in events
            .iter()
            .skip(self.events)
            .filter(|event| event.bus == BUS)
        {
            let mut detail: Value = serde_json::from_str(&event.detail).expect("JSON");
            let kind = match event.detail_type.as_str() {
                "packwatch Digest" => "digest",
                _ => "cause",
            };
            self.documents.push((kind, detail.clone()));
            if event.detail_type == "packwatch Digest" {
                detail = json!({"digest_id": detail["digest_id"], "subject": detail["subject"]});
            }
            shorten(&mut detail);
            let _ = writeln!(self.story, "--- event {}\n{detail:#}\n", event.detail_type);
        }
        self.events = events.len();
    }
}

impl Sent {
    fn tell(&self, story: &mut String) {
        let Self {
            subject,
            email,
            chat,
            json,
        } = self;
        let lines = email.lines().count();
        let start: String = subject.chars().take(40).collect();
        let _ = writeln!(
            story,
            "Subject: {subject}\n        |{start}|\n--- email, {lines} lines\n"
        );
        let _ = writeln!(story, "{email}\n--- chat\n{chat}");
        let mut shown = json!({});
        for key in [
            "kind",
            "complete",
            "totals",
            "groups",
            "gaps",
            "empty_sources",
            "mutes",
            "warnings",
        ] {
            shown[key] = json[key].clone();
        }
        shorten(&mut shown);
        let _ = writeln!(story, "--- a part of the JSON\n{shown:#}\n");
    }
}

/// Returns a message for chat as people see it.
fn chat_story(publish: &Publish) -> String {
    let body: Value = serde_json::from_str(&publish.message).expect("the body is JSON");
    let mut story = format!(
        "{}\n\n{}\n",
        body["content"]["title"].as_str().unwrap_or_default(),
        chat_text(publish)
    );
    for step in body["content"]["nextSteps"]
        .as_array()
        .into_iter()
        .flatten()
    {
        let _ = writeln!(story, "Next step: {}", step.as_str().unwrap_or_default());
    }
    story
}

/// Cuts the lists of a document, which have thousands of entries.
fn shorten(document: &mut Value) {
    match document {
        Value::Array(entries) => {
            let more = entries.len().saturating_sub(MAX_ENTRIES);
            entries.truncate(MAX_ENTRIES);
            entries.iter_mut().for_each(shorten);
            if more > 0 {
                entries.push(format!("... and {more} more").into());
            }
        }
        Value::Object(fields) => fields.values_mut().for_each(shorten),
        _ => {}
    }
}
