// Keeps the first page up to date. Without this script the page is complete, and reloads itself.
//
// The server says over /stream that there is news; this script then asks /pieces for the pieces that are newer than
// those it shows, and changes what differs. It never has two questions open, so a weak link only makes it ask less
// often. When nothing has been heard for a while it asks without being told, and says so loudly.

const LOUD_AFTER_S = 12;
const REOPEN_AFTER_MS = 15_000;
const MINUTE = 60, HOUR = 3600, DAY = 86400;

const page = document.body;
const link = document.getElementById("link");
const clockFace = document.getElementById("clock");
const dateFace = document.getElementById("date");
const played = document.getElementById("played");
const readout = document.getElementById("readout");

// ---- time: the server's clocks, carried on by our own between two notices

const told = { at: performance.now(), now: +page.dataset.now, wall: +page.dataset.wall, rate: 0 };
let heard = { at: performance.now(), age: 0 };
const passed = () => performance.now() - told.at;
const now = () => told.now + passed() * told.rate;
const wall = () => told.wall + passed();

const two = (n) => String(n).padStart(2, "0");

function span(ms) {
  const s = Math.floor(Math.abs(ms) / 1000);
  if (s < MINUTE) return `${s}秒`;
  if (s < HOUR) return `${Math.floor(s / MINUTE)}分`;
  if (s < DAY) return `${Math.floor(s / HOUR)}小时${two(Math.floor((s % HOUR) / MINUTE))}分`;
  return `${Math.floor(s / DAY)}天${two(Math.floor((s % DAY) / HOUR))}小时`;
}

const zone = { timeZone: page.dataset.zone };
const timeOfDay = new Intl.DateTimeFormat("zh-CN", { ...zone, hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat("en-CA", { ...zone, year: "numeric", month: "2-digit", day: "2-digit" });
const weekday = new Intl.DateTimeFormat("zh-CN", { ...zone, weekday: "short" });

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function tellTime() {
  const time = now();
  write(clockFace, timeOfDay.format(time));
  write(dateFace, `${day.format(time)} ${weekday.format(time)}`);
  for (const element of document.querySelectorAll("[data-ago]")) {
    write(element, `${span(Math.max(0, time - element.dataset.ago))}前`);
  }
  for (const element of document.querySelectorAll("[data-ago-wall]")) {
    write(element, `${span(Math.max(0, wall() - element.dataset.agoWall))}前`);
  }
  for (const element of document.querySelectorAll("[data-due]")) {
    const left = element.dataset.due - time;
    write(element, left >= 0 ? `剩${span(left)}` : `超时${span(left)}`);
    element.parentElement.classList.toggle("late", left < 0);
  }
}

function tellLink() {
  const silent = (performance.now() - heard.at) / 1000;
  const age = silent + heard.age / 1000;
  const lost = age > LOUD_AFTER_S;
  link.classList.toggle("lost", lost);
  const why = silent > LOUD_AFTER_S ? "与服务器失去联系" : "数据库读不到";
  write(link, lost ? `${why}: 画面停在 ${span(age * 1000)}前` : `数据更新于 ${Math.floor(age)} 秒前`);
}

function tellTitle() {
  document.title = document.getElementById("counts").dataset.title;
}

function hear(notice) {
  heard = { at: performance.now(), age: notice.age_ms };
  Object.assign(told, { at: performance.now(), now: notice.now_ms, wall: notice.wall_ms, rate: notice.rate });
  if (notice.over && played) write(played, played.dataset.over);
}

// ---- news

let asking = false;
let shown = "";

async function ask() {
  if (asking) return;
  asking = true;
  try {
    const have = [...document.querySelectorAll("[data-version]")].map((piece) => piece.dataset.version);
    const response = await fetch(`/pieces?have=${have.join(",")}`, { signal: AbortSignal.timeout(20_000) });
    if (!response.ok) return;
    const { notice, pieces } = await response.json();
    hear(notice);
    for (const html of Object.values(pieces)) take(html);
    tellTitle();
    if (toldMark) tell(toldMark);
    shown = notice.version;
    tellTime();
  } catch {
    // The link says for how long nothing has been heard; the next notice or tick asks again.
  } finally {
    asking = false;
  }
}

function take(html) {
  const fresh = new DOMParser().parseFromString(html, "text/html").body.firstElementChild;
  const old = fresh && document.getElementById(fresh.id);
  if (old) change(old, document.importNode(fresh, true));
}

// Makes `old` equal to `fresh`, touching only what differs: focus, scrolling and running animations stay.
function change(old, fresh) {
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  if (old.nodeType !== Node.ELEMENT_NODE || old === readout) return;
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && name !== "open") old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  changeChildren(old, fresh);
}

function changeChildren(old, fresh) {
  const named = new Map([...old.children].filter((child) => child.id).map((child) => [child.id, child]));
  let at = old.firstChild;
  for (const child of [...fresh.childNodes]) {
    const same = child.id ? named.get(child.id) : at && !at.id && at.nodeName === child.nodeName ? at : null;
    if (!same) {
      old.insertBefore(child, at);
      if (child.classList?.contains("row")) child.classList.add("fresh");
      continue;
    }
    if (same === at) at = at.nextSibling;
    else old.insertBefore(same, at);
    change(same, child);
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

// ---- the stream; closed while nobody looks, since a browser has few connections to a server

let stream = null;
let opened = 0;

function listen() {
  stream?.close();
  opened = performance.now();
  stream = new EventSource("/stream");
  stream.onmessage = (event) => {
    const notice = JSON.parse(event.data);
    hear(notice);
    if (notice.version !== shown) ask();
  };
}

function tick() {
  tellTime();
  tellLink();
  if (document.hidden) return;
  const silent = (performance.now() - heard.at) / 1000;
  if (silent > LOUD_AFTER_S / 2) ask();
  if (stream?.readyState === EventSource.CLOSED && performance.now() - opened > REOPEN_AFTER_MS) listen();
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) stream?.close();
  else {
    ask();
    listen();
  }
});

// ---- the map tells what a mark is; the first tap tells, the second opens

let toldMark = null;

function tell(mark) {
  toldMark = mark;
  const name = document.createElement("b");
  name.textContent = mark.dataset.name;
  readout.replaceChildren(name, mark.dataset.line);
}

const markOf = (event) => event.target.closest?.("[data-line]");
for (const kind of ["pointerover", "focusin"]) {
  document.addEventListener(kind, (event) => {
    const mark = markOf(event);
    if (mark && event.pointerType !== "touch") tell(mark);
  });
}
document.addEventListener("click", (event) => {
  const mark = markOf(event);
  if (!mark || mark === toldMark) return;
  event.preventDefault();
  tell(mark);
});

tellTitle();
listen();
tick();
setInterval(tick, 1000);
