//! Later reads: a run leaves the parts of its scope as they are that narrowed runs have read after
//! it and committed first.

use std::slice::from_ref;

use packwatch::ledger::Ledger;
use packwatch::model::Scope;

use crate::support::observed::{
    ACCOUNT, OTHER_ACCOUNT, evaluated, minute, observed, observed_without_packs, pack, scope,
    scope_of_packs,
};

/// Returns the ledger after a run that has found the pack with one failing member.
fn ledger() -> Ledger {
    let found = observed(
        minute(0),
        "UPDATE_SUCCESSFUL",
        &[(ACCOUNT, "UPDATE_FAILED")],
    );
    evaluated(&Ledger::default(), found, &scope(), &[])
}

/// Returns the scope of a run that is narrowed to one account.
fn scope_of_account() -> Scope {
    Scope {
        accounts: Some([ACCOUNT.into()].into()),
        narrowed: true,
        ..scope()
    }
}

#[test]
fn pack_that_was_read_later_keeps_its_failures_and_its_hint() {
    let before = ledger();
    let found = || {
        observed(
            minute(15),
            "UPDATE_SUCCESSFUL",
            &[
                (ACCOUNT, "UPDATE_SUCCESSFUL"),
                (OTHER_ACCOUNT, "UPDATE_FAILED"),
            ],
        )
    };
    let next = evaluated(&before, found(), &scope(), &[scope_of_packs("base*")]);
    assert_eq!(
        (next.open, next.pack_hints),
        (before.open.clone(), before.pack_hints.clone())
    );
    for later in [scope_of_packs("another"), scope_of_account()] {
        let next = evaluated(&before, found(), &scope(), &[later]);
        assert!(next.open.keys().any(|key| {
            key.account_id
                .as_ref()
                .is_some_and(|id| id.as_str() == OTHER_ACCOUNT)
        }));
        assert_eq!(next.pack_hints[&pack()].attempted_at, minute(15));
    }
}

#[test]
fn source_does_not_become_empty_if_a_pack_was_read_later() {
    let before = ledger();
    let read_in_full = Scope {
        narrowed: true,
        ..scope()
    };
    for later in [
        scope_of_packs("base*"),
        scope_of_account(),
        read_in_full.clone(),
    ] {
        let next = evaluated(
            &before,
            observed_without_packs(minute(15)),
            &scope(),
            from_ref(&later),
        );
        assert_eq!(next, before, "{later:?}");
    }
    let next = evaluated(&before, observed_without_packs(minute(15)), &scope(), &[]);
    assert!(next.open.is_empty() && next.pack_hints.is_empty());
    assert_eq!(next.empty_sources.len(), 1);

    // Of a source without packs that was read later, nothing changes either.
    let never_filled = evaluated(
        &Ledger::default(),
        observed_without_packs(minute(15)),
        &scope(),
        &[],
    );
    assert_eq!(never_filled.empty_sources.len(), 1);
    for before in [Ledger::default(), never_filled] {
        for found in [
            observed_without_packs(minute(15)),
            observed(minute(30), "UPDATE_SUCCESSFUL", &[]),
        ] {
            let next = evaluated(&before, found, &scope(), from_ref(&read_in_full));
            assert_eq!(next, before);
        }
    }
}

/// A later run needs the hint to detect that the source has become empty.
#[test]
fn narrowed_run_keeps_the_hint_of_a_pack_that_is_gone() {
    let before = ledger();
    let next = evaluated(
        &before,
        observed_without_packs(minute(15)),
        &scope_of_packs("base*"),
        &[],
    );
    assert!(next.open.is_empty(), "the failure has ended");
    assert_eq!(next.pack_hints, before.pack_hints);
    assert!(next.empty_sources.is_empty());
}

#[test]
fn narrowed_run_changes_nothing_outside_its_scope() {
    let before = ledger();
    let found = observed(
        minute(15),
        "UPDATE_SUCCESSFUL",
        &[(ACCOUNT, "UPDATE_SUCCESSFUL")],
    );
    let next = evaluated(&before, found, &scope_of_packs("another"), &[]);
    assert_eq!(next, before);
}
