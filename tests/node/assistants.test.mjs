// The official Node SDK against the built program: the Assistants API, polled and streamed, for both providers.

import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";

import OpenAI, { toFile } from "openai";

import { dialects, startWorld, waitUntil } from "./harness.mjs";

const WEATHER = {
  type: "function",
  function: {
    name: "weather",
    description: "The weather of a city",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
};
const PARIS = ["weather", { city: "Paris" }];
const OSLO = ["weather", { city: "Oslo" }];
const SOON = { pollIntervalMs: 20 };

let world;
let client;
let threads;
before(async () => {
  world = await startWorld();
  client = world.client();
  threads = client.beta.threads;
});
after(() => world.stop());
beforeEach(() => world.clear());

const newThread = () => threads.create({ messages: [{ role: "user", content: "How is the weather?" }] });
const outputsOf = (run, output) =>
  run.required_action.submit_tool_outputs.tool_calls.map(({ id }) => ({ tool_call_id: id, output }));

test("assistants, threads and messages are made, changed, listed and deleted", async () => {
  const assistant = await client.beta.assistants.create({ model: "gpt-4.1-mini", name: "One", metadata: { a: "1" } });
  const changed = await client.beta.assistants.update(assistant.id, { name: "Two" });
  assert.deepEqual([changed.name, changed.metadata], ["Two", { a: "1" }]);
  const thread = await newThread();
  for (let n = 0; n < 30; n += 1) await threads.messages.create(thread.id, { role: "user", content: `${n}` });
  const texts = [];
  for await (const message of threads.messages.list(thread.id, { order: "asc", limit: 7 })) {
    texts.push(message.content[0].text.value);
  }
  assert.deepEqual(texts, ["How is the weather?", ...Array.from({ length: 30 }, (_, n) => `${n}`)]);
  assert.equal((await threads.delete(thread.id)).deleted, true);
  assert.equal((await client.beta.assistants.delete(assistant.id)).object, "assistant.deleted");
  await assert.rejects(client.beta.assistants.retrieve(assistant.id), OpenAI.NotFoundError);
});

test("files come back as they were", async () => {
  const bytes = Buffer.from([0, 255, 13, 10, 45, 45]);
  const file = await client.files.create({ file: await toFile(bytes, "ünï \"x\".bin"), purpose: "assistants" });
  assert.deepEqual([file.bytes, file.purpose, file.status], [6, "assistants", "processed"]);
  assert.deepEqual(Buffer.from(await (await client.files.content(file.id)).arrayBuffer()), bytes);
  assert.equal((await client.files.delete(file.id)).deleted, true);
});

for (const [name, dialect] of Object.entries(dialects)) {
  describe(name, () => {
    const upstream = () => world[name];
    const newAssistant = () => client.beta.assistants.create({ model: dialect.model, tools: [WEATHER] });

    test("a polled run", async () => {
      await upstream().script(dialect.textStream("Good ", "day."));
      const [assistant, thread] = await Promise.all([newAssistant(), newThread()]);
      const run = await threads.runs.createAndPoll(thread.id, { assistant_id: assistant.id }, SOON);
      assert.equal(run.status, "completed");
      assert.equal(run.usage.total_tokens, 18);
      const [answer] = (await threads.messages.list(thread.id)).data;
      assert.equal(answer.content[0].text.value, "Good day.");
    });

    test("polling without an interval is paced by the server", async () => {
      await upstream().script(dialect.textStream("Good day."));
      const [assistant, thread] = await Promise.all([newAssistant(), newThread()]);
      const begun = Date.now();
      const run = await threads.runs.createAndPoll(thread.id, { assistant_id: assistant.id });
      assert.equal(run.status, "completed");
      assert.ok(Date.now() - begun < 3000, "the SDK's own pace is five seconds");
    });

    test("tools, polled", async () => {
      await upstream().script(dialect.callsStream(PARIS, OSLO), dialect.textStream("Rain."));
      const [assistant, thread] = await Promise.all([newAssistant(), newThread()]);
      const waiting = await threads.runs.createAndPoll(thread.id, { assistant_id: assistant.id }, SOON);
      assert.equal(waiting.status, "requires_action");
      const run = await threads.runs.submitToolOutputsAndPoll(
        waiting.id,
        { thread_id: thread.id, tool_outputs: outputsOf(waiting, "rain") },
        SOON,
      );
      assert.equal(run.status, "completed");
    });

    test("a watched run, with every event the helper knows", async () => {
      await upstream().script(dialect.textStream("Good ", "day", "."));
      const [assistant, thread] = await Promise.all([newAssistant(), newThread()]);
      const watching = threads.runs.stream(thread.id, { assistant_id: assistant.id });
      const seen = [];
      for (const event of ["runStepCreated", "runStepDone", "messageCreated", "messageDone", "textCreated", "textDone", "end"]) {
        watching.on(event, () => seen.push(event));
      }
      const deltas = [];
      watching.on("textDelta", (delta) => deltas.push(delta.value));
      const run = await watching.finalRun();
      await watching.done();
      assert.equal(run.status, "completed");
      assert.equal(deltas.join(""), "Good day.");
      assert.deepEqual(seen, [
        "runStepCreated",
        "messageCreated",
        "textCreated",
        "textDone",
        "messageDone",
        "runStepDone",
        "end",
      ]);
      const [message] = await watching.finalMessages();
      assert.equal(message.content[0].text.value, "Good day.");
      const [step] = await watching.finalRunSteps();
      assert.equal(step.usage.total_tokens, 18);
    });

    test("tools, watched", async () => {
      await upstream().script(dialect.callsStream(PARIS, OSLO), dialect.textStream("Rain."));
      const [assistant, thread] = await Promise.all([newAssistant(), newThread()]);
      const first = threads.runs.stream(thread.id, { assistant_id: assistant.id });
      const calls = [];
      first.on("toolCallDone", (call) => calls.push(JSON.parse(call.function.arguments).city));
      const waiting = await first.finalRun();
      assert.equal(waiting.status, "requires_action");
      assert.deepEqual(calls, ["Paris", "Oslo"]);
      const second = threads.runs.submitToolOutputsStream(waiting.id, {
        thread_id: thread.id,
        tool_outputs: outputsOf(waiting, "rain"),
      });
      const run = await second.finalRun();
      assert.equal(run.status, "completed");
      const [message] = await second.finalMessages();
      assert.equal(message.content[0].text.value, "Rain.");
      const steps = (await threads.runs.steps.list(run.id, { thread_id: thread.id })).data;
      assert.deepEqual(steps.map((step) => step.type), ["message_creation", "tool_calls"]);
    });

    test("a thread and its run at once, watched", async () => {
      await upstream().script(dialect.textStream("Hi."));
      const assistant = await newAssistant();
      const watching = threads.createAndRunStream({
        assistant_id: assistant.id,
        thread: { messages: [{ role: "user", content: "Hello" }] },
      });
      assert.equal((await watching.finalRun()).status, "completed");
    });

    test("a reader that leaves does not stop the run", async () => {
      await upstream().script({ ...dialect.textStream("a", "b", "c"), delay_ms: 200 });
      const [assistant, thread] = await Promise.all([newAssistant(), newThread()]);
      const watching = threads.runs.stream(thread.id, { assistant_id: assistant.id });
      await new Promise((resolve) => watching.once("event", resolve));
      watching.abort();
      await assert.rejects(watching.done(), OpenAI.APIUserAbortError);
      await waitUntil(
        async () => (await threads.runs.list(thread.id)).data[0].status === "completed",
        "the run's end",
      );
    });
  });
}

test("sentences that programs match on", async () => {
  await world.openai.script(dialects.openai.callsStream(PARIS));
  const assistant = await client.beta.assistants.create({ model: dialects.openai.model, tools: [WEATHER] });
  const thread = await newThread();
  const run = await threads.runs.createAndPoll(thread.id, { assistant_id: assistant.id }, SOON);
  await assert.rejects(threads.messages.create(thread.id, { role: "user", content: "x" }), {
    status: 400,
    message: `400 Can't add messages to ${thread.id} while a run ${run.id} is active.`,
  });
  await assert.rejects(threads.runs.create(thread.id, { assistant_id: assistant.id }), {
    status: 400,
    message: `400 Thread ${thread.id} already has an active run ${run.id}.`,
  });
  assert.equal((await threads.runs.cancel(run.id, { thread_id: thread.id })).status, "cancelling");
});
