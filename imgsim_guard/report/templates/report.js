"use strict";
// The page is complete without this: it adds filters, the flicker and the slider, copying, and the keyboard.
document.documentElement.classList.add("js");
const SVG = "http://www.w3.org/2000/svg";
const FLICKER = 700; // milliseconds for each picture: slow enough to be no flashing
const still = matchMedia("(prefers-reduced-motion: reduce)");
const pairs = [...document.querySelectorAll(".pair")];
const form = document.querySelector("#pairs .filters");

// Filters

function filter() {
  const text = form.text.value.trim().toLowerCase();
  const choices = ["kind", "status", "splits"].filter((name) => form[name]?.tagName === "SELECT" && form[name].value !== "*");
  const from = form.from.value === "" ? -Infinity : Number(form.from.value);
  const to = form.to.value === "" ? Infinity : Number(form.to.value);
  let count = 0;
  for (const pair of pairs) {
    const { dataset } = pair;
    const distance = Number(dataset.distance);
    const wanted = distance >= from && distance <= to && dataset.text.includes(text)
      && choices.every((name) => dataset[name] === form[name].value);
    pair.hidden = !wanted;
    count += wanted;
  }
  const all = `${pairs.length.toLocaleString("en")} pair${pairs.length === 1 ? "" : "s"}`;
  form.querySelector("output").value = count === pairs.length ? all : `${count.toLocaleString("en")} of ${all}`;
  document.querySelector("#pairs .none").hidden = count > 0;
  if (view?.pair.hidden) restore();
}

// One picture over the other

let view = null; // the pair that is not shown side by side, and how

function restore() {
  if (!view) return;
  clearInterval(view.timer);
  for (const element of view.added) element.remove();
  for (const button of view.pair.querySelectorAll("[data-view]")) button.setAttribute("aria-pressed", "false");
  view = null;
}

function drawn(name, attributes, parent) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  parent.append(element);
  return element;
}

function layer(pair) {
  const svg = pair.querySelector(".gallery .picture");
  const { width, height } = svg.viewBox.baseVal;
  const over = drawn("svg", { class: "over", width, height }, svg); // which cuts off what lies beyond
  drawn("rect", { class: "backdrop", width, height }, over);
  drawn("use", { href: pair.dataset.over, transform: pair.dataset.by }, over);
  svg.insertBefore(over, svg.querySelector(".mark, .extent"));
  return { svg, over, width, height };
}

function turn(shown) { // shown: whether the query is
  view.shown = shown;
  view.over.setAttribute("visibility", shown ? "visible" : "hidden");
  const side = shown ? ".query" : ".gallery";
  view.face.textContent = view.pair.querySelector(`${side} .role`).textContent;
}

function flicker(pair) {
  const { svg, over } = layer(pair);
  const face = document.createElement("span");
  face.className = "face";
  svg.after(face);
  view = { pair, kind: "flicker", over, face, added: [over, face] };
  turn(true);
  if (!still.matches) view.timer = setInterval(() => turn(!view.shown), FLICKER);
}

function slide(pair) {
  const { svg, over, width, height } = layer(pair);
  const clip = drawn("clipPath", { id: "cut" }, svg);
  const part = drawn("rect", { height }, clip);
  const edge = drawn("line", { class: "cut", y2: height }, svg);
  over.setAttribute("clip-path", "url(#cut)");
  const slider = Object.assign(document.createElement("input"), { type: "range", className: "cutter", max: 1000, value: 500 });
  slider.setAttribute("aria-label", "How much of the one picture lies over the other");
  slider.oninput = () => {
    const x = (slider.value / 1000) * width;
    part.setAttribute("width", x);
    edge.setAttribute("x1", x);
    edge.setAttribute("x2", x);
  };
  slider.oninput();
  pair.querySelector(".gallery .frame").after(slider);
  view = { pair, kind: "slider", added: [over, clip, edge, slider] };
}

function show(pair, kind) {
  const same = view?.pair === pair && view.kind === kind;
  restore();
  if (same || !pair?.dataset.over) return;
  (kind === "flicker" ? flicker : slide)(pair);
  pair.querySelector(`[data-view=${kind}]`).setAttribute("aria-pressed", "true");
}

// Groups: filters, folding, and what stays

const groups = [...document.querySelectorAll(".group")];
const stops = [...document.querySelectorAll(".group, .pair")];
const groupForm = document.querySelector("#group-filters");

function filterGroups() {
  const text = groupForm.text.value.trim().toLowerCase();
  const choices = ["role", "folder", "split", "label"].filter((name) => groupForm[name]?.tagName === "SELECT" && groupForm[name].value !== "*");
  let count = 0;
  for (const group of groups) {
    const { dataset } = group;
    const wanted = dataset.text.includes(text)
      && choices.every((name) => dataset[name].split(name === "role" ? " " : "\n").includes(groupForm[name].value));
    group.hidden = !wanted;
    count += wanted;
  }
  const all = groups.length.toLocaleString("en");
  groupForm.querySelector("output").value = count === groups.length ? `${all} groups` : `${count.toLocaleString("en")} of ${all} groups`;
  document.querySelector("#groups .none").hidden = count > 0;
}

const FATES = { keep: "Keep", copy: "Keep", leakage: "Leakage", "label-conflict": "Label conflict", left: "Stays" };

function choose(group, input) {
  const inputs = [...group.querySelectorAll("li input")];
  if (!inputs.some((one) => one.checked)) input.checked = true; // one of them has to stay
  for (const one of inputs) one.closest("li").querySelector(".fate span").textContent = one.checked ? FATES[one.closest("li").dataset.role] : "Move";
  const moving = document.querySelectorAll(".group li input:not(:checked)").length;
  document.querySelector(".save output").value = `${moving.toLocaleString("en")} to move`;
}

function pairUp(group) { // puts what each image matches beside it
  const items = [...group.querySelectorAll("li")];
  for (const item of items) {
    if (!item.dataset.of || item.querySelector(".beside")) continue;
    const beside = document.createElement("div");
    beside.className = "beside";
    for (const part of items[item.dataset.of].querySelectorAll(".frame, .path")) beside.append(part.cloneNode(true));
    item.prepend(beside);
  }
}

function showGroups(as) {
  document.body.classList.toggle("paired", as === "pairs");
  for (const button of document.querySelectorAll("[data-as]")) button.setAttribute("aria-pressed", button.dataset.as === as);
  if (as === "pairs") groups.filter((group) => group.open).forEach(pairUp);
}

function toggle(group, number) {
  const input = group.querySelectorAll("li input")[number - 1];
  if (!input) return;
  group.open = true;
  input.checked = !input.checked;
  choose(group, input);
}

function plan() {
  const described = (item) => ({ path: JSON.parse(item.dataset.path), content: item.dataset.content });
  const chosen = (group, kept) => [...group.querySelectorAll("li")].filter((item) => item.querySelector("input").checked === kept).map(described);
  const moving = groups.filter((group) => group.querySelector("li input:not(:checked)"));
  return { format: 1, groups: moving.map((group) => ({ keep: chosen(group, true), move: chosen(group, false) })) };
}

function save() {
  const chosen = plan();
  // ASCII only: a name need not be valid Unicode
  const text = JSON.stringify(chosen, null, 1).replace(/[\u007f-\uffff]/g, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([`${text}\n`], { type: "application/json" }));
  link.download = "plan.json";
  link.click();
  URL.revokeObjectURL(link.href);
  const count = chosen.groups.reduce((sum, group) => sum + group.move.length, 0);
  document.querySelector(".save output").value = `plan.json: ${count.toLocaleString("en")} to move`;
}

for (const group of groups) group.addEventListener("change", (event) => choose(group, event.target));
for (const group of groups) group.addEventListener("toggle", () => { if (group.open && document.body.classList.contains("paired")) pairUp(group); });
for (const button of document.querySelectorAll("[data-as]")) button.addEventListener("click", () => showGroups(button.dataset.as));
for (const group of groups) for (const input of group.querySelectorAll("li[data-role=copy] input")) input.closest("li").querySelector(".fate span").textContent = "Move";
for (const button of document.querySelectorAll(".fold")) button.addEventListener("click", () => { for (const group of groups) group.open = Boolean(button.dataset.open); });
document.querySelector("#save")?.addEventListener("click", save);

// Copying

async function copy(button) {
  const source = button.previousElementSibling;
  let said = "Copied";
  try {
    await navigator.clipboard.writeText(source.textContent);
  } catch {
    getSelection().selectAllChildren(source); // the page may not copy by itself: one key is left to press
    said = "Selected";
  }
  button.textContent = said;
  setTimeout(() => { button.textContent = "Copy"; }, 1500);
}

// Keyboard

function go(step) {
  const listed = stops.filter((stop) => !stop.hidden);
  const here = listed.indexOf(document.activeElement.closest(".group, .pair"));
  const next = listed[here < 0 ? (step > 0 ? 0 : -1) : here + step] ?? listed[here];
  (next?.querySelector("summary") ?? next)?.focus({ preventScroll: true });
  next?.scrollIntoView({ block: "start" });
}

const KEYS = {
  j: () => go(1), ArrowRight: () => go(1),
  k: () => go(-1), ArrowLeft: () => go(-1),
  " ": (pair) => show(pair, "flicker"),
  s: (pair) => show(pair, "slider"),
  v: () => { if (groups.length) showGroups(document.body.classList.contains("paired") ? "grid" : "pairs"); },
  m: () => document.body.classList.toggle("unmarked"),
  c: (pair) => copy(pair.querySelector(".copy")),
  "/": () => (groupForm ?? form)?.text.focus(),
  Escape: restore,
};
const FOR_A_PAIR = [" ", "s", "c"];

document.addEventListener("keydown", (event) => {
  const key = event.key;
  const group = document.activeElement.closest(".group");
  if (group && /^[1-9]$/.test(key) && !event.ctrlKey && !event.metaKey && !event.altKey) toggle(group, Number(key));
  if (!(key in KEYS) || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches("input, select, textarea") && key !== "Escape") return;
  if (key === " " && event.target.matches("button, a, summary, pre")) return;
  const pair = document.activeElement.closest(".pair");
  if (FOR_A_PAIR.includes(key) && (!pair || (key === "c" && !pair.querySelector(".copy")))) return;
  event.preventDefault();
  KEYS[key](pair);
});

document.addEventListener("click", (event) => {
  const { target } = event;
  if (target.matches(".copy")) copy(target);
  else if (target.matches("[data-view]")) show(target.closest(".pair"), target.dataset.view);
  else if (view?.kind === "flicker" && view.pair.querySelector(".gallery .frame").contains(target)) {
    clearInterval(view.timer);
    turn(!view.shown);
  }
});

if (form) {
  form.addEventListener("input", filter);
  form.addEventListener("reset", () => setTimeout(filter));
  form.addEventListener("submit", (event) => event.preventDefault());
}
if (groupForm) {
  groupForm.addEventListener("input", filterGroups);
  groupForm.addEventListener("reset", () => setTimeout(filterGroups));
  groupForm.addEventListener("submit", (event) => event.preventDefault());
}
addEventListener("beforeprint", restore);
