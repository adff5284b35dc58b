// The official Node SDK against the built program: models, embeddings, completions, errors, retries.

import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";

import OpenAI from "openai";

import { GEMINI_MODEL, OPENAI_MODEL, dialects, startWorld } from "./harness.mjs";

const HELLO = [{ role: "user", content: "Hello" }];

let world;
let client;
before(async () => {
  world = await startWorld({ PROVIDER_MAX_RETRIES: "0", PROVIDER_FALLBACK_ENABLED: "false" });
  client = world.client();
});
after(() => world.stop());
beforeEach(() => world.clear());

test("models", async () => {
  const ids = [];
  for await (const model of client.models.list()) ids.push(model.id);
  assert.ok(ids.length > 1);
  assert.equal((await client.models.retrieve(ids[0])).id, ids[0]);
  await assert.rejects(client.models.retrieve("no-such-model"), OpenAI.NotFoundError);
});

test("embeddings, base64 unless told otherwise", async () => {
  await world.gemini.script({ body: { embeddings: [{ values: [0.6, -0.8] }] } });
  const { data } = await client.embeddings.create({ model: "gemini-embedding-001", input: "Hello" });
  assert.equal(data[0].embedding.length, 2);
  assert.ok(Math.abs(data[0].embedding[1] + 0.8) < 1e-6);
});

test("a completion", async () => {
  await world.gemini.script(dialects.gemini.text("a time."));
  const { choices } = await client.completions.create({ model: GEMINI_MODEL, prompt: "Once upon" });
  assert.equal(choices[0].text, "a time.");
});

test("a wrong key", async () => {
  const stranger = world.client({ apiKey: "sk-wrong" });
  await assert.rejects(stranger.models.list(), (error) => {
    assert.ok(error instanceof OpenAI.AuthenticationError);
    assert.equal(error.code, "invalid_api_key");
    assert.ok(error.requestID);
    return true;
  });
});

test("the field at fault", async () => {
  const messages = [...HELLO, { role: "user", content: 5 }];
  await assert.rejects(client.chat.completions.create({ model: GEMINI_MODEL, messages }), (error) => {
    assert.ok(error instanceof OpenAI.BadRequestError);
    assert.equal(error.param, "messages[1].content");
    return true;
  });
});

test("a limit at the upstream, with its hint", async () => {
  await world.openai.script({ status: 429, retry_after: 30 });
  await assert.rejects(client.chat.completions.create({ model: OPENAI_MODEL, messages: HELLO }), (error) => {
    assert.ok(error instanceof OpenAI.RateLimitError);
    assert.equal(error.headers.get("retry-after"), "30");
    return true;
  });
});

test("the SDK's own retry meets a healthy upstream", async () => {
  await world.openai.script({ status: 503 }, dialects.openai.text("Good day."));
  const patient = world.client({ maxRetries: 2 });
  const answer = await patient.chat.completions.create({ model: OPENAI_MODEL, messages: HELLO });
  assert.equal(answer.choices[0].message.content, "Good day.");
  assert.equal((await world.openai.requests()).length, 2);
});

test("what the operator got wrong is not retried by the SDK", async () => {
  await world.openai.script({ status: 401 });
  const patient = world.client({ maxRetries: 2 });
  await assert.rejects(patient.chat.completions.create({ model: OPENAI_MODEL, messages: HELLO }), OpenAI.APIError);
  assert.equal((await world.openai.requests()).length, 1);
});
