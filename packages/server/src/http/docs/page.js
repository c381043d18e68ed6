/** Draws /openapi.json. Texts go into the page as text and never as markup, so nothing in the document can act here. */
import { curlOf, isFound, membersOf, operationsByTag, typePieces } from "./model.js";

const drawn = [];

function element(name, className, ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

function link(target, text) {
  const made = element("a", "", text);
  made.setAttribute("href", target);
  return made;
}

function typeOf(pieces) {
  return pieces.map(({ text, schema }) => (schema ? link(`#schema-${schema}`, text) : text));
}

function table(heads, rows) {
  const head = element("tr", "", ...heads.map((text) => element("th", "", text)));
  const body = rows.map((cells) => element("tr", "", ...cells.map((cell) => element("td", "", ...[cell].flat()))));
  return element("table", "", element("thead", "", head), element("tbody", "", ...body));
}

function membersTable(members) {
  const rows = members.map(({ name, pieces, isNeeded, about }) => [
    element("code", "", name),
    typeOf(pieces),
    isNeeded ? "yes" : "",
    about,
  ]);
  return table(["Member", "Type", "Needed", "Meaning"], rows);
}

function bodyParts(content) {
  return Object.entries(content ?? {}).flatMap(([type, { schema }]) => {
    const members = membersOf(schema);
    const head = element("p", "", element("code", "", type), ": ", ...typeOf(typePieces(schema)));
    return members.length === 0 ? [head] : [head, membersTable(members)];
  });
}

function operationPart(operation, api) {
  const { method, path, summary = "", description, operationId, parameters = [], requestBody, responses } = operation;
  const head = element(
    "summary",
    "",
    element("span", `method ${method}`, method.toUpperCase()),
    element("code", "", path),
    element("span", "about", ` ${summary}`),
  );
  const part = element("details", "", head);
  part.id = operationId;
  if (description) part.append(element("p", "", description));
  if (parameters.length > 0) {
    const rows = parameters.map(({ name, in: place, schema, required, description: about = "" }) => [
      element("code", "", name),
      place,
      typeOf(typePieces(schema)),
      required ? "yes" : "",
      about,
    ]);
    part.append(element("h3", "", "Parameters"), table(["Name", "In", "Type", "Needed", "Meaning"], rows));
  }
  if (requestBody) part.append(element("h3", "", "Body"), ...bodyParts(requestBody.content));
  const answers = Object.entries(responses).map(([status, answer]) => [
    element("code", "", status),
    answer.description ?? "",
    Object.values(answer.content ?? {}).flatMap(({ schema }) => typeOf(typePieces(schema))),
  ]);
  part.append(element("h3", "", "Answers"), table(["Status", "Meaning", "Body"], answers));
  part.append(element("h3", "", "Try it"), element("pre", "", curlOf(operation, api, location.origin)));
  return part;
}

function schemaPart(name, schema) {
  const members = membersOf(schema);
  const part = element("details", "", element("summary", "", element("code", "", name)));
  part.id = `schema-${name}`;
  if (schema.description) part.append(element("p", "", schema.description));
  part.append(members.length > 0 ? membersTable(members) : element("p", "", ...typeOf(typePieces(schema))));
  return part;
}

function draw(api) {
  document.querySelector("#title").textContent = `${api.info.title} API ${api.info.version}`;
  document.querySelector("#about").textContent = api.info.description ?? "";
  const contents = document.querySelector("#contents");
  const main = document.querySelector("#operations");
  for (const [tag, operations] of operationsByTag(api)) {
    const heading = element("h2", "", tag);
    heading.id = `tag-${tag}`;
    contents.append(link(`#tag-${tag}`, tag));
    main.append(heading);
    for (const operation of operations) {
      const part = operationPart(operation, api);
      drawn.push({ operation, part });
      main.append(part);
    }
  }
  const heading = element("h2", "", "schemas");
  heading.id = "tag-schemas";
  contents.append(link("#tag-schemas", "schemas"));
  main.append(heading);
  for (const [name, schema] of Object.entries(api.components?.schemas ?? {})) main.append(schemaPart(name, schema));
}

/** Opens what the address names: an operation or a schema. */
function openNamed() {
  const part =
    location.hash.length > 1
      ? document.querySelector(`#${CSS.escape(decodeURIComponent(location.hash.slice(1)))}`)
      : null;
  if (!part) return;
  if (part.tagName === "DETAILS") part.open = true;
  part.scrollIntoView();
}

async function start() {
  try {
    const answer = await fetch("/openapi.json");
    if (!answer.ok) throw new Error(`the server answers with ${answer.status}`);
    draw(await answer.json());
  } catch (error) {
    document.querySelector("#about").textContent = `/openapi.json cannot be read: ${error.message}.`;
    return;
  }
  document.querySelector("#filter").addEventListener("input", ({ target }) => {
    for (const { operation, part } of drawn) part.hidden = !isFound(operation, target.value.trim());
  });
  addEventListener("hashchange", openNamed);
  openNamed();
}

await start();
