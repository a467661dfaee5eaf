// client.mjs: the official client against a running server: node client.mjs URL PICTURE VIDEO
// Prints "ok NAME" or "FAILED NAME: why" for each case; the exit status is the number of failures.
import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import OpenAI from 'openai';

const [url, picturePath, videoPath] = process.argv.slice(2);
const client = new OpenAI({baseURL: url + '/v1', apiKey: 'not needed', maxRetries: 0});
const dataUrl = (path, type) => `data:${type};base64,${readFileSync(path).toString('base64')}`;
const picture = dataUrl(picturePath, 'image/png');
const video = dataUrl(videoPath, 'video/mp4');
const model = (await client.models.list()).data[0].id;
const direct = {thinking: {type: 'disabled'}};
const base = {model, max_tokens: 24, temperature: 0, ...direct};
const ask = (text) => [{role: 'user', content: text}];
const look = [{role: 'user', content: [{type: 'image_url', image_url: {url: picture}}, {type: 'text', text: 'What is it?'}]}];

const tests = {
  async models() {
    const m = await client.models.retrieve(model);
    assert.equal(m.id, model);
    assert.ok(m.limits.context_length > 0);
    await assert.rejects(client.models.retrieve('other'), (e) => e.status === 404);
  },
  async chat() {
    const r = await client.chat.completions.create({...base, messages: ask('Hello')});
    assert.equal(r.object, 'chat.completion');
    assert.equal(r.choices[0].message.role, 'assistant');
    assert.ok(['stop', 'length'].includes(r.choices[0].finish_reason));
    assert.equal(r.usage.total_tokens, r.usage.prompt_tokens + r.usage.completion_tokens);
  },
  async streaming_equals_whole() {
    const whole = await client.chat.completions.create({...base, messages: ask('Hello')});
    const stream = await client.chat.completions.create(
        {...base, messages: ask('Hello'), stream: true, stream_options: {include_usage: true}});
    let text = '', usage, finish;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta?.content ?? '';
      finish = chunk.choices[0]?.finish_reason ?? finish;
      usage = chunk.usage ?? usage;
    }
    assert.equal(text, whole.choices[0].message.content);
    assert.equal(finish, whole.choices[0].finish_reason);
    assert.equal(usage.completion_tokens, whole.usage.completion_tokens);
  },
  async stream_helper() {
    const runner = client.chat.completions.stream({...base, messages: ask('Hello')});
    const final = await runner.finalChatCompletion();
    assert.equal(final.choices[0].message.role, 'assistant');
  },
  async picture() {
    const first = await client.chat.completions.create({...base, messages: look});
    const p = first.seedling.pictures[0];
    assert.equal(p.param, 'messages[0].content[0]');
    assert.equal(p.tokens, p.grid[0] * p.grid[1] / 4);
    assert.equal(first.usage.prompt_tokens_details.pictures, 1);
    const again = await client.chat.completions.create({...base, messages: look});
    assert.equal(again.usage.prompt_tokens_details.pictures_cached, 1);
    assert.ok(again.usage.prompt_tokens_details.cached_tokens > 0);
    assert.equal(again.choices[0].message.content, first.choices[0].message.content);
  },
  async picture_resolution() {
    const small = structuredClone(look);
    small[0].content[0].image_url.max_pixels = 4 * 784;
    const r = await client.chat.completions.create({...base, messages: small});
    assert.ok(r.seedling.pictures[0].tokens <= 4);
  },
  async video() {
    const r = await client.chat.completions.create({...base, messages: [{role: 'user', content: [
      {type: 'video_url', video_url: {url: video, fps: 2}}, {type: 'text', text: 'What happens?'}]}]});
    const v = r.seedling.videos[0];
    assert.equal(v.seconds.length, v.frames);
    assert.ok(v.frames >= 2 && v.seconds[0] === 0);
  },
  async frames() {
    const r = await client.chat.completions.create({...base, messages: [{role: 'user', content: [
      {type: 'video', video: [picture, picture], timestamps: [0.5, 2]}, {type: 'text', text: 'What happens?'}]}]});
    assert.deepEqual(r.seedling.videos[0].seconds, [0.5, 2]);
  },
  async thinking() {
    const r = await client.chat.completions.create(
        {...base, messages: ask('Think'), thinking: {type: 'enabled', budget_tokens: 5}, max_tokens: 40});
    assert.ok(r.usage.completion_tokens_details.reasoning_tokens <= 8);
    await assert.rejects(client.chat.completions.create({...base, messages: ask('x'), thinking: {type: 'maybe'}}),
                         (e) => e.status === 400 && e.param === 'thinking');
  },
  async json_schema_with_thinking() {
    const schema = {type: 'object', properties: {count: {type: 'integer'}, name: {enum: ['cat', 'dog']}},
                    required: ['count', 'name'], additionalProperties: false};
    const body = {...base, messages: ask('How many?'), max_tokens: 200, thinking: {type: 'enabled', budget_tokens: 4},
                  response_format: {type: 'json_schema', json_schema: {name: 'answer', schema, strict: true}}};
    const r = await client.chat.completions.create(body);
    const value = JSON.parse(r.choices[0].message.content);
    assert.ok(Number.isInteger(value.count) && ['cat', 'dog'].includes(value.name));
    let text = '';
    for await (const chunk of await client.chat.completions.create({...body, stream: true})) {
      text += chunk.choices[0]?.delta?.content ?? '';
    }
    assert.deepEqual(JSON.parse(text), value);
  },
  async tools() {
    const tools = [{type: 'function', function: {name: 'look_up', description: 'Looks a word up',
      parameters: {type: 'object', properties: {word: {enum: ['tree', 'leaf']}}, required: ['word']}}}];
    const body = {...base, messages: ask('Look it up'), max_tokens: 200, tools, tool_choice: 'required'};
    const r = await client.chat.completions.create(body);
    const [call] = r.choices[0].message.tool_calls;
    assert.equal(r.choices[0].finish_reason, 'tool_calls');
    assert.equal(call.function.name, 'look_up');
    assert.ok(['tree', 'leaf'].includes(JSON.parse(call.function.arguments).word));
    const runner = client.chat.completions.stream(body);
    const final = await runner.finalChatCompletion();
    assert.equal(final.choices[0].message.tool_calls[0].function.name, 'look_up');
    const then = await client.chat.completions.create({...base, tools, messages: [
      ...ask('Look it up'), r.choices[0].message, {role: 'tool', tool_call_id: call.id, content: 'a plant'}]});
    assert.ok(then.choices.length === 1);
  },
  async points_and_patterns() {
    const points = await client.chat.completions.create(
        {...base, messages: look, max_tokens: 60, response_format: {type: 'points'}});
    assert.match(points.choices[0].message.content, /^(<text>.*<\/text>)?<point>\d+ \d+<\/point>/s);
    const pattern = await client.chat.completions.create(
        {...base, messages: ask('Hello'), response_format: {type: 'regex', pattern: '(yes|no), [0-9]{2}'}});
    assert.match(pattern.choices[0].message.content, /^(yes|no), [0-9]{2}$/);
    await assert.rejects(client.chat.completions.create(
        {...base, messages: ask('x'), response_format: {type: 'regex', pattern: '('}}),
        (e) => e.status === 400 && e.param === 'response_format');
  },
  async logprobs() {
    const r = await client.chat.completions.create({...base, messages: ask('Hello'), logprobs: true, top_logprobs: 3});
    const tokens = r.choices[0].logprobs.content;
    assert.ok(tokens.length > 0);
    for (const t of tokens) {
      assert.equal(t.top_logprobs.length, 3);
      assert.ok(t.logprob <= 0 && t.top_logprobs[0].logprob >= t.top_logprobs[1].logprob);
      assert.equal(t.logprob, t.top_logprobs[0].logprob); // temperature 0
    }
  },
  async several_choices() {
    const r = await client.chat.completions.create(
        {...base, messages: ask('Hello'), n: 3, temperature: 1, seed: 7});
    assert.equal(r.choices.length, 3);
    const again = await client.chat.completions.create(
        {...base, messages: ask('Hello'), n: 3, temperature: 1, seed: 7});
    assert.deepEqual(again.choices.map((c) => c.message.content), r.choices.map((c) => c.message.content));
  },
  async stop() {
    const r = await client.chat.completions.create({...base, messages: ask('Hello')});
    const text = r.choices[0].message.content;
    if (text.length < 2) return;
    const cut = await client.chat.completions.create({...base, messages: ask('Hello'), stop: [text.slice(1)]});
    assert.equal(cut.choices[0].message.content, text.slice(0, 1));
    assert.equal(cut.choices[0].finish_reason, 'stop');
  },
  async completions() {
    const r = await client.completions.create({model, prompt: 'Once', max_tokens: 8, temperature: 0});
    let text = '';
    for await (const c of await client.completions.create(
             {model, prompt: 'Once', max_tokens: 8, temperature: 0, stream: true})) {
      text += c.choices[0]?.text ?? '';
    }
    assert.equal(text, r.choices[0].text);
  },
  async responses() {
    const body = {model, input: [{role: 'user', content: [
      {type: 'input_image', image_url: picture}, {type: 'input_text', text: 'What is it?'}]}],
      max_output_tokens: 24, temperature: 0, ...direct};
    const r = await client.responses.create(body);
    assert.equal(r.output_text.length > 0, r.output[0].content[0].text.length > 0);
    let text = '', last;
    for await (const e of await client.responses.create({...body, stream: true})) {
      if (e.type === 'response.output_text.delta') text += e.delta;
      last = e.type;
    }
    assert.equal(text, r.output_text);
    assert.ok(['response.completed', 'response.incomplete'].includes(last));
  },
  async embeddings() {
    const r = await client.embeddings.create({model, input: ['a red square', 'a blue circle'], encoding_format: 'float'});
    assert.equal(r.data.length, 2);
    const norm = Math.hypot(...r.data[0].embedding);
    assert.ok(Math.abs(norm - 1) < 1e-3);
    const packed = await client.embeddings.create({model, input: 'a red square'}); // the client asks for base64
    assert.ok(Math.abs(packed.data[0].embedding[0] - r.data[0].embedding[0]) < 1e-6);
  },
  async errors() {
    const bad = (body, status) => assert.rejects(client.chat.completions.create({...base, ...body}),
                                                 (e) => e.status === status && typeof e.message === 'string');
    await bad({model: 'other', messages: ask('x')}, 404);
    await bad({messages: []}, 400);
    await bad({messages: ask('x'), temperature: 9}, 400);
    await bad({messages: ask('x'), n: 0}, 400);
    await bad({messages: [{role: 'pope', content: 'x'}]}, 400);
    const bytes = (text) => [{role: 'user', content: [{type: 'image_url', image_url: {url: text}}]}];
    await bad({messages: bytes('data:image/png;base64,AAAA')}, 400);
    await bad({messages: bytes('data:image/png;base64,!')}, 400);
    await bad({messages: bytes('http://127.0.0.1/x.png')}, 400);
    await bad({messages: bytes('file:///etc/passwd')}, 400);
  },
};

const only = process.argv.slice(5);
let failures = 0;
for (const [name, run] of Object.entries(tests)) {
  if (only.length && !only.includes(name)) continue;
  try {
    await run();
    console.log(`ok ${name}`);
  } catch (e) {
    failures++;
    console.log(`FAILED ${name}: ${e.stack}`);
  }
}
process.exit(failures);
