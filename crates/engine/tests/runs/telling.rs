//! Runs that write a message, and what is told of them.

use std::time::Duration;

use locum_domain::{
    chat::ToolChoice,
    id::{AssistantId, MessageId, StepId, ThreadId},
    message::{MessageStatus, Role},
    page::PageQuery,
    run::{NewThreadAndRun, RunEvent, RunStatus, StepDetails, StepStatus},
    thread::NewThread,
};
use locum_testkit::Dialect;

use crate::desk::{Desk, function, metadata, new_run, profile, run_of, says, stray_run};

#[test]
fn a_run_writes_a_message() {
    for model in ["gpt-4.1-mini", "gemini-3.8-flash", "gemini-2.5-flash"] {
        let desk = Desk::new();
        let assistant = desk.assistant(profile(model));
        let thread = desk.thread(&["hello there"]);
        let started = desk.start(&thread, new_run(&assistant)).unwrap();
        assert_eq!(started.run.status, RunStatus::Queued);
        let created = started.run.created_at;
        assert_eq!(started.run.expires_at, created.plus_seconds(600));
        let seen = desk.watch(started);
        assert!(seen.error.is_none());
        assert_eq!(
            seen.told(),
            [
                "run.created queued",
                "run.queued",
                "run.in_progress",
                "step.created message",
                "message.created",
                "message.delta",
                "message.Completed",
                "step.Completed",
                "run.completed",
            ]
        );
        assert_eq!(seen.text(), "echo: hello there");

        let run = desk.look(&seen.run());
        assert_eq!(run, seen.run());
        assert_eq!(run.status, RunStatus::Completed);
        assert!(run.usage.completion > 0);
        let served = run.served.as_ref().unwrap();
        assert!(!served.fallback);
        let steps = desk.steps(&run);
        assert_eq!(steps.len(), 1);
        assert_eq!(steps[0].status, StepStatus::Completed);
        assert_eq!(steps[0].usage, Some(run.usage));
        let messages = desk.messages(&thread);
        assert_eq!(messages.len(), 2);
        assert_eq!(messages[1].role, Role::Assistant);
        assert_eq!(messages[1].run_id.as_ref(), Some(&run.id));
        assert_eq!(messages[1].status, MessageStatus::Completed);
        assert_eq!(
            steps[0].details,
            StepDetails::Message(messages[1].id.clone())
        );
        desk.no_complaints();
    }
}

#[test]
fn nobody_has_to_watch() {
    for pace in [0, 10] {
        let desk = Desk::new();
        desk.handles.upstream.pace(Duration::from_millis(pace));
        let assistant = desk.assistant(profile("gpt-4.1-mini"));
        let thread = desk.thread(&["one two three four"]);
        let run = desk.start_unwatched(&thread, new_run(&assistant));
        desk.wait(1);
        assert_eq!(desk.status(&run), RunStatus::Completed);
        assert_eq!(desk.said(&thread)[1], "echo: one two three four");
        // Made, the first content, the end: no more; and less where all comes at once.
        assert_eq!(desk.weather.run_writes(), if pace == 0 { 2 } else { 3 });
    }
}

#[test]
fn a_thread_can_be_made_with_its_run() {
    let desk = Desk::new();
    let assistant = desk.assistant(profile("gpt-4.1-mini"));
    let mut run = new_run(&assistant);
    run.additional_messages = vec![says("second")];
    let new = NewThreadAndRun {
        thread: NewThread {
            messages: vec![says("first")],
            metadata: metadata("a", "b"),
            tool_resources: None,
        },
        run,
    };
    let started = desk
        .assistants
        .create_thread_and_run(&desk.project, new, true);
    let started = desk.run(started).unwrap();
    let seen = desk.watch(started);
    assert_eq!(
        seen.told()[..3],
        ["thread.created", "run.created queued", "run.queued"]
    );
    let RunEvent::ThreadCreated(thread) = &seen.events[0] else {
        panic!("{:?}", seen.told());
    };
    assert_eq!(thread.metadata, metadata("a", "b"));
    assert_eq!(desk.said(thread), ["first", "second", "echo: second"]);
}

#[test]
fn what_the_request_says_counts_before_what_the_assistant_says() {
    let desk = Desk::new();
    let mut about = profile("gpt-4.1-mini");
    about.instructions = Some("Be brief.".to_owned());
    about.temperature = Some(0.5);
    about.tools = vec![function("get_weather")];
    let assistant = desk.assistant(about);
    let thread = desk.thread(&["hello"]);

    let mut new = new_run(&assistant);
    new.additional_instructions = Some("Be kind.".to_owned());
    new.additional_messages = vec![says("are you there?")];
    new.tool_choice = ToolChoice::None;
    desk.follow(&thread, new);
    let body = desk.openai();
    assert_eq!(body["temperature"], 0.5);
    assert_eq!(body["tools"].as_array().unwrap().len(), 1);
    assert_eq!(body["tool_choice"], "none");
    let pairs = desk.conversation();
    assert_eq!(pairs[0].1, "Be brief.\n\nBe kind.");
    assert_eq!(pairs[1].1, "hello");
    assert_eq!(pairs[2].1, "are you there?");

    let mut new = new_run(&assistant);
    new.model = Some("gpt-4o".to_owned());
    new.instructions = Some("Be long.".to_owned());
    new.temperature = Some(1.5);
    new.tools = Some(Vec::new());
    new.max_completion_tokens = Some(300);
    let seen = desk.follow(&thread, new);
    assert_eq!(seen.run().plan.instructions, "Be long.");
    let body = desk.openai();
    assert_eq!(body["model"], "gpt-4o");
    assert_eq!(body["temperature"], 1.5);
    assert_eq!(body["max_tokens"], 300);
    assert!(body.get("tools").is_none());
    assert_eq!(desk.conversation()[0].1, "Be long.");
    desk.no_complaints();
}

#[test]
fn a_thread_without_messages_can_be_answered() {
    for model in ["gpt-4.1-mini", "gemini-3.8-flash"] {
        for instructions in [None, Some("Greet.".to_owned())] {
            let desk = Desk::new();
            let mut about = profile(model);
            about.instructions = instructions;
            let assistant = desk.assistant(about);
            let thread = desk.thread(&[]);
            let seen = desk.follow(&thread, new_run(&assistant));
            assert_eq!(seen.run().status, RunStatus::Completed, "{model}");
            desk.no_complaints();
        }
    }
}

#[test]
fn of_what_is_not_there_nothing_is_found() {
    let desk = Desk::new();
    let assistant = desk.assistant(profile("gpt-4.1-mini"));
    let thread = desk.thread(&["hello"]);
    let nowhere = ThreadId::from("thread_nowhere");
    let project = &desk.project;
    let use_cases = &desk.assistants;

    let create = |thread: ThreadId, assistant: AssistantId| {
        let created = use_cases.create_run(project, &thread, run_of(assistant), false);
        desk.run(created).map(|_| ()).unwrap_err()
    };
    let error = create(nowhere.clone(), assistant.id.clone());
    assert_eq!(
        (error.status, error.message.as_str()),
        (404, "No thread found with id 'thread_nowhere'.")
    );
    let error = create(nowhere.clone(), "asst_nowhere".into());
    assert_eq!(error.message, "No thread found with id 'thread_nowhere'.");
    let error = create(thread.id.clone(), "asst_nowhere".into());
    assert_eq!(
        (error.status, error.message.as_str()),
        (404, "No assistant found with id 'asst_nowhere'.")
    );

    let run = desk.start_unwatched(&thread, new_run(&assistant));
    let other = desk.thread(&[]);
    let stray = stray_run();
    let errors = [
        desk.run(use_cases.retrieve_run(project, &thread.id, &stray))
            .unwrap_err(),
        desk.run(use_cases.cancel_run(project, &thread.id, &stray))
            .unwrap_err(),
        desk.run(use_cases.modify_run(project, &thread.id, &stray, None))
            .unwrap_err(),
        desk.run(use_cases.list_run_steps(project, &thread.id, &stray, &PageQuery::default()))
            .unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.status, 404);
        assert_eq!(error.message, "No run found with id 'run_nowhere'.");
    }
    let error = desk.run(use_cases.retrieve_run(project, &other.id, &run.id));
    assert_eq!(error.unwrap_err().status, 404);
    let error = desk.run(use_cases.list_runs(project, &nowhere, &PageQuery::default()));
    assert_eq!(
        error.unwrap_err().message,
        "No thread found with id 'thread_nowhere'."
    );
    let step = StepId::from(MessageId::from("msg_1").as_str());
    let error = desk.run(use_cases.retrieve_run_step(project, &thread.id, &run.id, &step));
    assert_eq!(
        error.unwrap_err().message,
        "No run step found with id 'msg_1'."
    );
}

#[test]
fn of_sixteen_that_race_one_wins() {
    let desk = Desk::new();
    let assistant = desk.assistant(profile("gpt-4.1-mini"));
    let thread = desk.thread(&["hello"]);
    let racing = (0..16).map(|_| {
        desk.assistants
            .create_run(&desk.project, &thread.id, new_run(&assistant), false)
    });
    let results = desk.run(futures_util::future::join_all(racing));
    let (won, lost): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    assert_eq!((won.len(), lost.len()), (1, 15));
    let winner = won.into_iter().next().unwrap().ok().unwrap().run;
    for error in lost {
        let error = error.map(|_| ()).unwrap_err();
        assert_eq!(error.status, 400);
        assert_eq!(
            error.message,
            format!(
                "Thread {} already has an active run {}.",
                thread.id, winner.id
            )
        );
    }
    desk.settle();
    assert_eq!(desk.asked(Dialect::OpenAi), 1);
    assert_eq!(desk.said(&thread), ["hello", "echo: hello"]);
    // The losers have left nothing behind: the thread is free.
    desk.start_unwatched(&thread, new_run(&assistant));
}

#[test]
fn a_runs_metadata_can_be_replaced_at_any_time() {
    let desk = Desk::new();
    desk.handles.upstream.pace(Duration::from_secs(1));
    let assistant = desk.assistant(profile("gpt-4.1-mini"));
    let thread = desk.thread(&["one two three four"]);
    let started = desk.start(&thread, new_run(&assistant)).unwrap();
    let run = started.run.clone();
    let modify = |value: &str| {
        let metadata = Some(metadata("state", value));
        let modified = desk
            .assistants
            .modify_run(&desk.project, &thread.id, &run.id, metadata);
        desk.run(modified).unwrap()
    };
    assert_eq!(modify("early").metadata, metadata("state", "early"));
    desk.wait(2);
    assert_eq!(modify("later").metadata, metadata("state", "later"));
    let seen = desk.watch(started);
    assert_eq!(seen.run().status, RunStatus::Completed);
    assert_eq!(seen.run().metadata, metadata("state", "later"));
    assert_eq!(desk.look(&run).metadata, metadata("state", "later"));
    modify("over");
    assert_eq!(desk.look(&run).metadata, metadata("state", "over"));
    assert_eq!(desk.status(&run), RunStatus::Completed);
    // Changing a run that has ended does not lock its thread.
    desk.start_unwatched(&thread, new_run(&assistant));
}

#[test]
fn runs_are_counted() {
    let desk = Desk::new();
    let assistant = desk.assistant(profile("gpt-4.1-mini"));
    let thread = desk.thread(&["hello"]);
    desk.follow(&thread, new_run(&assistant));
    let page = desk.metrics.encode();
    for line in [
        r#"locum_runs_total{status="completed"} 1"#,
        r#"locum_runs_total{status="failed"} 0"#,
        "locum_runs_driven 0",
        "locum_run_duration_seconds_count 1",
        "locum_run_queue_wait_seconds_count 1",
        "locum_run_takeovers_total 0",
        "locum_run_leases_lost_total 0",
    ] {
        assert!(page.lines().any(|there| there == line), "{line}\n{page}");
    }
    let tokens = r#"locum_tokens_total{provider="openai",model="gpt-4.1-mini"#;
    assert!(page.contains(tokens), "{page}");
}
