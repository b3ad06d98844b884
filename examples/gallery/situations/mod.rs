//! The situations, each a story of a few runs.

mod blind_spots;
mod first_looks;
mod growth;
mod ordinary;
mod requested;

use std::pin::Pin;

use super::stage::Stage;

/// A situation.
pub struct Situation {
    pub name: &'static str,
    pub play: for<'s> fn(&'s mut Stage) -> Pin<Box<dyn Future<Output = ()> + 's>>,
}

macro_rules! situations {
    ($($name:literal => $play:path,)*) => {
        /// All situations.
        pub const SITUATIONS: &[Situation] = &[
            $(Situation { name: $name, play: |stage| Box::pin($play(stage)) },)*
        ];
    };
}

situations! {
    "01-six-causes" => growth::six_causes,
    "02-region-lost" => blind_spots::region_lost,
    "03-role-lost" => blind_spots::role_lost,
    "04-one-account" => ordinary::one_account,
    "05-fifty-packs" => growth::fifty_packs,
    "06-pack-itself" => ordinary::pack_itself,
    "07-suspended-accounts" => ordinary::suspended_accounts,
    "08-narrowed-and-changed-settings" => requested::narrowed_and_changed_settings,
    "09-twenty-packs-unreadable" => blind_spots::twenty_packs_unreadable,
    "10-denied-from-the-start" => first_looks::denied_from_the_start,
    "11-emptied" => blind_spots::emptied,
    "12-cause-changes" => ordinary::cause_changes,
    "13-region-unread-for-hours" => blind_spots::region_unread_for_hours,
    "14-ten-accounts-in-all-packs" => growth::ten_accounts_in_all_packs,
    "15-mutes" => requested::mutes,
    "16-stuck" => ordinary::stuck,
    "17-summary" => requested::summary,
    "18-test" => requested::test,
    "19-first-look-pending" => first_looks::pending,
    "20-first-look-with-gap" => first_looks::with_gap,
    "21-first-look-muted" => first_looks::muted,
    "22-ten-thousand-accounts" => growth::ten_thousand_accounts,
    "23-fifo-and-another-label" => requested::fifo_and_another_label,
    "24-several-callers" => ordinary::several_callers,
    "25-event-bus" => requested::event_bus,
    "26-messages-of-aws" => ordinary::messages_of_aws,
}
