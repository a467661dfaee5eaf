// app.js: the chat page: collects pictures, sends the conversation to /v1/chat/completions, shows the stream.
'use strict';

const $ = (id) => document.getElementById(id);
const colours = ['#e4572e', '#2e86de', '#1f9d55', '#a44fd0', '#d49b00', '#d6336c', '#0b8a94', '#7a5230'];
const pending = []; // pictures and videos to send: {kind, url, name}
const messages = []; // the conversation as the server gets it
let running = null; // AbortController of the answer being written
let modelName = '';

// --- small helpers ----------------------------------------------------------------------------------------------

function element(tag, className, text) {
  const e = document.createElement(tag);
  if (className) e.className = className;
  if (text !== undefined) e.textContent = text;
  return e;
}

function say(text, bad) {
  $('status').textContent = text;
  $('status').classList.toggle('error', Boolean(bad));
}

function headers() {
  const key = sessionStorage.getItem('key');
  return {'Content-Type': 'application/json', ...(key ? {Authorization: 'Bearer ' + key} : {})};
}

// Asks for an API key, once the server wants one; resolves when the dialog is closed.
function askForKey() {
  return new Promise((done) => {
    $('keys').addEventListener('close', () => {
      sessionStorage.setItem('key', $('key').value);
      done();
    }, {once: true});
    $('keys').showModal();
  });
}

// --- pictures and videos to send ---------------------------------------------------------------------------------

function readAsDataUrl(file) {
  return new Promise((done, fail) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result);
    reader.onerror = () => fail(reader.error);
    reader.readAsDataURL(file);
  });
}

async function addFiles(files) {
  for (const file of files) {
    const kind = file.type.startsWith('video/') ? 'video' : file.type.startsWith('image/') ? 'image' : null;
    if (!kind) {
      say(`${file.name} is neither a picture nor a video`, true);
      continue;
    }
    pending.push({kind, url: await readAsDataUrl(file), name: file.name || 'pasted picture'});
  }
  showTray();
  $('question').focus();
}

function mediaElement(item) {
  const e = element(item.kind === 'video' ? 'video' : 'img');
  e.src = item.url;
  if (item.kind === 'video') e.controls = true, e.setAttribute('aria-label', item.name);
  else e.alt = item.name;
  return e;
}

function showTray() {
  $('tray').replaceChildren(...pending.map((item, i) => {
    const li = element('li');
    const remove = element('button', '', '\u00d7');
    remove.type = 'button';
    remove.setAttribute('aria-label', 'Remove ' + item.name);
    remove.onclick = () => { pending.splice(i, 1); showTray(); };
    li.append(mediaElement(item), remove);
    return li;
  }));
}

// --- the conversation --------------------------------------------------------------------------------------------

function addUser(text, media) {
  const li = element('li', 'user');
  li.append(element('span', 'sr', 'You: '));
  if (media.length) {
    const box = element('div', 'media');
    box.append(...media.map(mediaElement));
    li.append(box);
  }
  li.append(element('div', 'text', text));
  $('log').append(li);
  $('hint').hidden = true;
  const parts = media.map((m) => m.kind === 'video' ? {type: 'video_url', video_url: {url: m.url}} :
                                                     {type: 'image_url', image_url: {url: m.url}});
  messages.push({role: 'user', content: [...parts, {type: 'text', text}]});
}

// The place of one answer: a folded thought, the text, and what is drawn.
function addAssistant() {
  const li = element('li', 'assistant');
  const thought = element('details', 'thought');
  thought.hidden = true;
  thought.append(element('summary', '', 'Thought'), element('div', 'text'));
  const text = element('div', 'text waiting');
  li.append(element('span', 'sr', 'Answer: '), thought, text);
  $('log').append(li);
  return {li, thought, thoughtText: thought.lastChild, text, answer: '', reasoning: ''};
}

function lastPicture() {
  for (const m of [...messages].reverse()) {
    if (m.role !== 'user') continue;
    const part = [...m.content].reverse().find((p) => p.type === 'image_url');
    if (part) return part.image_url.url;
  }
  return null;
}

const shape = /<(point|bbox)>([\d\s.,]+)<\/\1>/g;

// The answer with each shape replaced by a numbered tag in the colour of its drawing.
function showAnswer(place) {
  const shapes = [];
  const parts = [];
  let from = 0;
  for (const match of place.answer.matchAll(shape)) {
    const numbers = match[2].trim().split(/[\s,]+/).map(Number);
    if (numbers.length !== (match[1] === 'point' ? 2 : 4) || numbers.some((v) => !(v >= 0 && v < 1000))) continue;
    parts.push(place.answer.slice(from, match.index));
    const tag = element('span', 'tag', `${match[1] === 'point' ? 'point' : 'box'} ${shapes.length + 1}`);
    tag.style.setProperty('--tag', colours[shapes.length % colours.length]);
    tag.title = numbers.join(' ');
    parts.push(tag);
    from = match.index + match[0].length;
    shapes.push({kind: match[1], numbers});
  }
  parts.push(place.answer.slice(from));
  place.text.replaceChildren(...parts);
  return shapes;
}

function drawShapes(place, shapes) {
  const url = lastPicture();
  if (!url || !shapes.length) return;
  const ns = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(ns, 'svg');
  svg.setAttribute('viewBox', '0 0 1000 1000');
  svg.setAttribute('preserveAspectRatio', 'none');
  svg.setAttribute('aria-hidden', 'true');
  const box = element('div', 'drawn');
  const img = element('img');
  img.src = url;
  img.alt = `The picture with ${shapes.length} place${shapes.length === 1 ? '' : 's'} marked`;
  box.append(img, svg);
  shapes.forEach(({kind, numbers}, i) => {
    const colour = colours[i % colours.length];
    if (kind === 'bbox') {
      const [x1, y1, x2, y2] = numbers;
      const r = document.createElementNS(ns, 'rect');
      for (const [k, v] of Object.entries({x: x1, y: y1, width: x2 - x1, height: y2 - y1})) r.setAttribute(k, v);
      r.setAttribute('style', `fill:${colour};fill-opacity:.12;stroke:${colour};stroke-width:3px`);
      svg.append(r);
    } else {
      const dot = element('span');
      dot.style.cssText = `position:absolute;left:${numbers[0] / 10}%;top:${numbers[1] / 10}%;width:14px;height:14px;` +
          `margin:-7px;border-radius:50%;border:3px solid ${colour};background:#fff8`;
      box.append(dot);
    }
    const label = element('span', 'tag', String(i + 1));
    label.style.cssText = `--tag:${colour};position:absolute;left:${numbers[0] / 10}%;top:${numbers[1] / 10}%;` +
        `transform:translateY(${kind === 'bbox' ? '-100%' : '40%'})`;
    box.append(label);
  });
  const figure = element('figure');
  figure.append(box);
  place.li.append(figure);
}

function showFacts(place, last) {
  const usage = last.usage;
  if (!usage) return;
  const facts = [`${usage.prompt_tokens} tokens in, ${usage.completion_tokens} out`];
  const cached = usage.prompt_tokens_details && usage.prompt_tokens_details.cached_tokens;
  if (cached) facts.push(`${cached} remembered`);
  for (const p of (last.seedling && last.seedling.pictures) || []) {
    facts.push(`${p.width}\u00d7${p.height} seen as ${p.used_width}\u00d7${p.used_height}, ${p.tokens} tokens`);
  }
  place.li.append(element('p', 'facts', facts.join(' \u00b7 ')));
}

// --- the stream --------------------------------------------------------------------------------------------------

async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (;;) {
    const {value, done} = await reader.read();
    if (done) return;
    text += value;
    for (let end; (end = text.indexOf('\n\n')) >= 0; text = text.slice(end + 2)) {
      const data = text.slice(0, end).split('\n').filter((l) => l.startsWith('data: ')).map((l) => l.slice(6)).join('');
      if (data === '[DONE]') return;
      if (data) yield JSON.parse(data);
    }
  }
}

function showProgress(p) {
  if (p.stage === 'vision') say(`Looking at the picture: ${Math.round(100 * p.fraction)} %`);
  else if (p.stage === 'prefill') say(`Reading: ${Math.round(100 * p.fraction)} %`);
}

function takeChunk(place, chunk) {
  if (chunk.error) throw new Error(chunk.error.message);
  if (chunk.seedling && chunk.seedling.progress) showProgress(chunk.seedling.progress);
  const delta = chunk.choices && chunk.choices[0] && chunk.choices[0].delta;
  if (!delta) return;
  if (delta.reasoning_content) {
    place.reasoning += delta.reasoning_content;
    place.thought.hidden = false;
    place.thoughtText.textContent = place.reasoning;
    say('Thinking');
  }
  if (delta.content) {
    place.answer += delta.content;
    showAnswer(place);
    say('');
  }
  const main = $('log').parentElement;
  if (main.scrollHeight - main.scrollTop - main.clientHeight < 200) main.scrollTop = main.scrollHeight;
}

async function request(signal) {
  const body = JSON.stringify({
    model: modelName, messages, stream: true, stream_options: {include_usage: true, include_progress: true},
    thinking: {type: $('thinking').checked ? 'enabled' : 'disabled'},
  });
  for (;;) {
    const response = await fetch('v1/chat/completions', {method: 'POST', headers: headers(), body, signal});
    if (response.status === 401) {
      await askForKey();
      continue;
    }
    if (response.ok) return response;
    const problem = await response.json().catch(() => null);
    throw new Error(problem && problem.error ? problem.error.message : `the server answered ${response.status}`);
  }
}

async function answer() {
  const place = addAssistant();
  let last = {};
  running = new AbortController();
  $('send').textContent = 'Stop';
  try {
    say('Waiting for the model');
    for await (const chunk of events(await request(running.signal))) {
      takeChunk(place, chunk);
      if (chunk.usage) last = chunk;
    }
    say('');
  } catch (e) {
    if (e.name === 'AbortError') say('Stopped');
    else say(e.message, true), place.li.append(element('p', 'error', e.message));
  }
  running = null;
  $('send').textContent = 'Ask';
  place.text.classList.remove('waiting');
  drawShapes(place, showAnswer(place));
  showFacts(place, last);
  if (place.answer) messages.push({role: 'assistant', content: place.answer});
  else messages.pop();
  $('log').parentElement.scrollTop = $('log').parentElement.scrollHeight;
}

function submit() {
  if (running) return running.abort();
  const text = $('question').value.trim();
  if (!text) return say('Write a question first', true);
  addUser(text, pending.splice(0));
  showTray();
  $('question').value = '';
  $('question').focus();
  grow();
  answer();
}

// --- the page ----------------------------------------------------------------------------------------------------

function grow() {
  const q = $('question');
  q.style.height = 'auto';
  q.style.height = q.scrollHeight + 2 + 'px';
}

function setTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
}

$('form').addEventListener('submit', (e) => { e.preventDefault(); submit(); });
$('question').addEventListener('input', grow);
$('question').addEventListener('keydown', (e) => {
  if (e.key === 'Enter' && !e.shiftKey && !e.isComposing) {
    e.preventDefault();
    if (!running) submit();
  }
});
document.addEventListener('keydown', (e) => { if (e.key === 'Escape' && running) running.abort(); });
$('attach').addEventListener('click', () => $('file').click());
$('file').addEventListener('change', async () => { await addFiles($('file').files); $('file').value = ''; });
document.addEventListener('paste', (e) => {
  if (e.clipboardData.files.length) e.preventDefault(), addFiles(e.clipboardData.files);
});
document.addEventListener('dragover', (e) => { e.preventDefault(); document.body.classList.add('dropping'); });
document.addEventListener('dragleave', (e) => { if (!e.relatedTarget) document.body.classList.remove('dropping'); });
document.addEventListener('drop', (e) => {
  e.preventDefault();
  document.body.classList.remove('dropping');
  addFiles(e.dataTransfer.files);
});
$('clear').addEventListener('click', () => {
  if (running) running.abort();
  messages.length = 0;
  $('log').replaceChildren();
  $('hint').hidden = false;
  say('');
  $('question').focus();
});
$('theme').addEventListener('click', () => {
  const dark = document.documentElement.dataset.theme ?
      document.documentElement.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  localStorage.setItem('theme', dark ? 'light' : 'dark');
  setTheme(dark ? 'light' : 'dark');
});
setTheme(localStorage.getItem('theme'));

(async () => {
  for (;;) {
    const response = await fetch('v1/models', {headers: headers()}).catch(() => null);
    if (!response) return say('The server does not answer', true);
    if (response.status !== 401) {
      const list = response.ok ? await response.json() : {data: []};
      modelName = list.data.length ? list.data[0].id : '';
      $('model').textContent = modelName;
      return;
    }
    await askForKey();
  }
})();
