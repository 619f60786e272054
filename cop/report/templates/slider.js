// The slider of the page: canvases that reveal an image patch by patch, one for each order.
const data = JSON.parse(document.getElementById("play-data").textContent);
const [rows, columns] = data.grid;
const nTokens = rows * columns;
const SIZE = 280; // pixels of a canvas
const STEP_MS = 220; // between two patches while it plays

const choose = document.getElementById("choose");
const count = document.getElementById("count");
const run = document.getElementById("run");
const slider = document.getElementById("seen");
let current = 0; // the image that is shown
let timer = null; // set while it plays

const panels = data.names.map(name => {
  const figure = document.createElement("figure");
  const canvas = document.createElement("canvas");
  const caption = document.createElement("figcaption");
  canvas.width = canvas.height = SIZE;
  canvas.setAttribute("role", "img");
  figure.append(canvas, caption);
  document.getElementById("play").append(figure);
  return {name, canvas, caption};
});

const pictures = data.images.map((image, i) => {
  const picture = new Image();
  const button = document.createElement("button");
  picture.src = image.src;
  picture.alt = image.caption;
  picture.onload = draw;
  button.append(picture);
  button.title = image.caption;
  button.onclick = () => { current = i; draw(); };
  choose.append(button);
  return picture;
});

function cell(patch) { // the rectangle of a patch on the canvas
  const width = SIZE / columns;
  const height = SIZE / rows;
  return {x: (patch % columns) * width, y: Math.floor(patch / columns) * height, width, height};
}

function drawPatch(context, picture, patch) {
  const to = cell(patch);
  const width = picture.naturalWidth / columns;
  const height = picture.naturalHeight / rows;
  const x = (patch % columns) * width;
  const y = Math.floor(patch / columns) * height;
  // half a pixel more, so that no line shows between two patches
  context.drawImage(picture, x, y, width, height, to.x, to.y, to.width + .5, to.height + .5);
}

function framePatch(context, patch) {
  const {x, y, width, height} = cell(patch);
  context.strokeStyle = "#ffd166";
  context.lineWidth = 4;
  context.strokeRect(x + 2, y + 2, width - 4, height - 4);
}

function drawPanel(panel, picture, order, nats, caption, seen) {
  const context = panel.canvas.getContext("2d");
  context.imageSmoothingEnabled = picture.naturalWidth > 64; // small images stay pixels
  context.fillStyle = "#8b929c";
  context.fillRect(0, 0, SIZE, SIZE);
  order.slice(0, seen).forEach(patch => drawPatch(context, picture, patch));
  if (seen > 0) framePatch(context, order[seen - 1]);
  panel.canvas.setAttribute("aria-label", caption + ", the first " + seen + " patches by " + panel.name);
  panel.caption.innerHTML = "<b>" + panel.name + "</b>" + (nats ? "<br>" + nats[seen] + " nats left" : "");
}

function draw() {
  const seen = +slider.value;
  const image = data.images[current];
  count.textContent = seen + " of " + nTokens + " patches seen";
  panels.forEach((panel, i) => {
    const nats = image.nats && image.nats[i]; // null without an estimator
    drawPanel(panel, pictures[current], image.orders[i], nats, image.caption, seen);
  });
  [...choose.children].forEach((button, i) => button.setAttribute("aria-pressed", i == current));
}

function pause() {
  clearInterval(timer);
  timer = null;
  run.textContent = "Play";
}

function advance() {
  slider.value = +slider.value + 1;
  draw();
  if (+slider.value >= nTokens) pause();
}

slider.oninput = draw;
run.onclick = () => {
  if (timer) return pause();
  if (+slider.value >= nTokens) slider.value = 0;
  run.textContent = "Pause";
  timer = setInterval(advance, STEP_MS);
};
draw();
