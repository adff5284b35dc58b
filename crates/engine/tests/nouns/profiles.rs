//! Assistants themselves.

use locum_domain::{
    assistant::{Assistant, AssistantChange, Profile},
    error::ApiError,
    id::AssistantId,
    page::{Page, PageQuery},
};

use crate::desk::{
    Desk, a_profile, after, before, between, elsewhere, no_cursor, no_such, pairs, refused,
};

fn create(desk: &Desk, name: &str) -> Assistant {
    desk.run(
        desk.assistants
            .create_assistant(&desk.project, a_profile(name)),
    )
    .unwrap()
}

fn retrieve(desk: &Desk, id: &AssistantId) -> Result<Assistant, ApiError> {
    desk.run(desk.assistants.retrieve_assistant(&desk.project, id))
}

fn list(desk: &Desk, query: &PageQuery) -> Result<Page<Assistant>, ApiError> {
    desk.run(desk.assistants.list_assistants(&desk.project, query))
}

fn modify(desk: &Desk, id: &AssistantId, change: AssistantChange) -> Result<Assistant, ApiError> {
    desk.run(desk.assistants.modify_assistant(&desk.project, id, change))
}

#[test]
fn an_assistant_lives_and_is_deleted() {
    let desk = Desk::new();
    let made = create(&desk, "Ada");
    assert_eq!(made.created_at, desk.world.timestamp());
    assert_eq!(made.profile, a_profile("Ada"));
    assert_eq!(retrieve(&desk, &made.id).unwrap(), made);
    let use_cases = &desk.assistants;
    desk.run(use_cases.delete_assistant(&desk.project, &made.id))
        .unwrap();
    let gone = no_such("assistant", &made.id);
    assert_eq!(refused(retrieve(&desk, &made.id)), gone);
    assert_eq!(
        refused(modify(&desk, &made.id, AssistantChange::default())),
        gone
    );
    let again = use_cases.delete_assistant(&desk.project, &made.id);
    assert_eq!(refused(desk.run(again)), gone);
}

#[test]
fn other_projects_have_their_own() {
    let desk = Desk::new();
    let made = create(&desk, "Ada");
    let use_cases = &desk.assistants;
    let theirs = elsewhere();
    let gone = no_such("assistant", &made.id);
    assert_eq!(
        refused(desk.run(use_cases.retrieve_assistant(&theirs, &made.id))),
        gone
    );
    assert_eq!(
        refused(desk.run(use_cases.delete_assistant(&theirs, &made.id))),
        gone
    );
    let page = desk.run(use_cases.list_assistants(&theirs, &PageQuery::default()));
    assert!(page.unwrap().items.is_empty());
    let cursor = desk.run(use_cases.list_assistants(&theirs, &after(&made.id)));
    assert_eq!(refused(cursor), no_cursor("after", "assistant", &made.id));
}

#[test]
fn a_change_leaves_what_it_does_not_name() {
    let desk = Desk::new();
    let made = create(&desk, "Ada");
    let change = AssistantChange {
        name: Some(None),
        instructions: Some(Some("Be brief.".to_owned())),
        ..AssistantChange::default()
    };
    let expected = Profile {
        name: None,
        instructions: Some("Be brief.".to_owned()),
        ..made.profile.clone()
    };
    let changed = modify(&desk, &made.id, change).unwrap();
    assert_eq!(changed.profile, expected);
    assert_eq!(
        (&changed.id, changed.created_at),
        (&made.id, made.created_at)
    );
    let nothing = modify(&desk, &made.id, AssistantChange::default());
    assert_eq!(nothing.unwrap(), changed);
    let change = AssistantChange {
        metadata: Some(pairs(&[("c", "d")])),
        ..AssistantChange::default()
    };
    let changed = modify(&desk, &made.id, change).unwrap();
    assert_eq!(changed.profile.metadata, pairs(&[("c", "d")]));
    assert_eq!(retrieve(&desk, &made.id).unwrap(), changed);
}

#[test]
fn the_wrong_cursor_is_named() {
    let desk = Desk::new();
    let [first, second] = ["Ada", "Grace"].map(|name| create(&desk, name).id);
    let wrong = |param: &str| no_cursor(param, "assistant", "asst_0");
    assert_eq!(refused(list(&desk, &after("asst_0"))), wrong("after"));
    assert_eq!(refused(list(&desk, &before("asst_0"))), wrong("before"));
    assert_eq!(
        refused(list(&desk, &between("asst_0", &first))),
        wrong("after")
    );
    assert_eq!(
        refused(list(&desk, &between(&first, "asst_0"))),
        wrong("before")
    );
    assert_eq!(
        refused(list(&desk, &between("asst_0", "asst_0"))),
        wrong("after")
    );
    let page = list(&desk, &after(&second)).unwrap();
    assert_eq!(page.items.len(), 1);
    assert!(
        list(&desk, &between(&second, &first))
            .unwrap()
            .items
            .is_empty()
    );
}
