"use strict";
// The page is complete without this: it adds filters, the flicker and the slider, copying, and the keyboard.
document.documentElement.classList.add("js");
const SVG = "http://www.w3.org/2000/svg";
const FLICKER = 700; // milliseconds for each picture: slow enough to be no flashing
const still = matchMedia("(prefers-reduced-motion: reduce)");
const pairs = [...document.querySelectorAll(".pair")];
const form = document.querySelector(".filters");

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
  document.querySelector(".none").hidden = count > 0;
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

// What to keep

const groups = [...document.querySelectorAll(".group")].filter((group) => group.querySelector("[type=radio]"));

function choose(group) {
  const all = group.querySelector(".all input").checked;
  for (const item of group.querySelectorAll("li")) {
    const kept = !all && item.querySelector("input").checked;
    item.classList.toggle("keep", kept);
    item.querySelector(".fate span").textContent = kept && item.dataset.why ? `Keep: ${item.dataset.why}` : all || kept ? "Keep" : "Remove";
  }
  const lines = groups.filter((one) => one.querySelector(".keep")).flatMap((one) => [
    one.querySelector(".keep").dataset.keep,
    ...[...one.querySelectorAll("li:not(.keep)")].map((item) => item.dataset.remove),
  ]);
  document.querySelector(".script pre").textContent = lines.map((line) => `${line}\n`).join("");
}

for (const group of groups) group.addEventListener("change", () => choose(group));

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
  const listed = pairs.filter((pair) => !pair.hidden);
  const here = listed.indexOf(document.activeElement.closest(".pair"));
  const next = listed[here < 0 ? (step > 0 ? 0 : -1) : here + step] ?? listed[here];
  next?.focus({ preventScroll: true });
  next?.scrollIntoView({ block: "start" });
}

const KEYS = {
  j: () => go(1), ArrowRight: () => go(1),
  k: () => go(-1), ArrowLeft: () => go(-1),
  " ": (pair) => show(pair, "flicker"),
  s: (pair) => show(pair, "slider"),
  m: () => document.body.classList.toggle("unmarked"),
  c: (pair) => copy(pair.querySelector(".copy")),
  "/": () => form.text.focus(),
  Escape: restore,
};
const FOR_A_PAIR = [" ", "s", "c"];

document.addEventListener("keydown", (event) => {
  const key = event.key;
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
addEventListener("beforeprint", restore);
