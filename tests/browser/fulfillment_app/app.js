// The steps of contract section 6, with the library that the reference's app uses. `/settings.js` names the server.
import * as oauth from "/oauth4webapi.js";
import { BACKEND, CLIENT_ID } from "/settings.js";

const server = { issuer: BACKEND, token_endpoint: `${BACKEND}/token` };
const client = { client_id: CLIENT_ID, token_endpoint_auth_method: "none" };
const CALLBACK = `${location.origin}/oauth/cb/spryker`;
const STATE = "oryx.oauth-state";
const TOKEN = "oryx.oauth-token";
const ASSIGNMENT = "oryx.warehouse-user-assignment";
const JSON_API = "application/vnd.api+json";

const pages = {
  "/": start,
  "/login": login,
  "/oauth/cb/spryker": callback,
  "/warehouse-selection": warehouseSelection,
};
pages[location.pathname]().catch((problem) => say(String(problem)));

// --- Signing in -----------------------------------------------------------------------------------------------
async function start() {
  const verifier = oauth.generateRandomCodeVerifier();
  localStorage.setItem(STATE, verifier);
  const query = new URLSearchParams({
    client_id: CLIENT_ID,
    response_type: "code",
    redirect_uri: CALLBACK,
    scope: "user",
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
  });
  location.assign(`/login?${query}`);
}

async function login() {
  const form = show(`
    <form>
      <label>Email <input name="username" type="email"></label>
      <label>Password <input name="password" type="password"></label>
      <button>Login</button>
    </form>`);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const body = new URLSearchParams(location.search);
    new FormData(form).forEach((value, name) => body.set(name, value));
    const answer = await fetch(`${BACKEND}/authorize`, { method: "POST", body, credentials: "omit" });
    const [first] = await answer.json().catch(() => [{}]).then((read) => (Array.isArray(read) ? read : [{}]));
    if (!answer.ok || !first.code) {
      say("Username or password is invalid");
      return;
    }
    const target = new URL(body.get("redirect_uri"));
    Object.entries(first).forEach(([name, value]) => target.searchParams.set(name, value));
    location.assign(target);
  });
}

async function callback() {
  say("Logging you in");
  const parameters = oauth.validateAuthResponse(server, client, new URL(location.href), oauth.expectNoState);
  if (oauth.isOAuth2Error(parameters)) throw new Error(parameters.error);
  const answer = await oauth.authorizationCodeGrantRequest(
    server, client, parameters, CALLBACK, localStorage.getItem(STATE),
  );
  const token = await oauth.processAuthorizationCodeOAuth2Response(server, client, answer);
  if (oauth.isOAuth2Error(token)) throw new Error(token.error);
  localStorage.setItem(TOKEN, JSON.stringify(token));
  location.replace("/warehouse-selection");
}

// --- Working --------------------------------------------------------------------------------------------------
async function warehouseSelection() {
  const { data } = await call("GET", "/warehouse-user-assignments");
  if (data.length === 0) {
    say("You are not assigned to any locations");
    return;
  }
  const list = show("<ul></ul>");
  for (const row of data) {
    const item = list.appendChild(document.createElement("li"));
    item.textContent = row.attributes.warehouse.name;
    const button = item.appendChild(document.createElement("button"));
    button.textContent = `Select ${row.attributes.warehouse.name}`;
    button.addEventListener("click", () => select(row.id).catch((problem) => say(problem.message)));
  }
}

async function select(id) {
  const body = JSON.stringify({ data: { attributes: { isActive: true } } });
  const { data } = await call("PATCH", `/warehouse-user-assignments/${id}`, body);
  if (!data.attributes.isActive) throw new Error("The assignment was not activated");
  localStorage.setItem(ASSIGNMENT, JSON.stringify(data));
  say(`You are in ${data.attributes.warehouse.name}`);
}

async function call(method, path, body) {
  let answer = await send(method, path, body);
  if (answer.status === 401) {
    await refresh();
    answer = await send(method, path, body);
  }
  const document = await answer.json();
  if (!answer.ok) throw new Error(document.errors[0].detail);
  return document;
}

function send(method, path, body) {
  const { access_token } = JSON.parse(localStorage.getItem(TOKEN));
  const headers = { Authorization: `Bearer ${access_token}`, "Content-Type": JSON_API };
  return fetch(BACKEND + path, { method, headers, body });
}

let refreshing; // calls that fail at once share one refresh

function refresh() {
  refreshing ??= refreshOnce().finally(() => { refreshing = undefined; });
  return refreshing;
}

async function refreshOnce() {
  const { refresh_token } = JSON.parse(localStorage.getItem(TOKEN));
  const answer = await oauth.refreshTokenGrantRequest(server, client, refresh_token);
  const token = await oauth.processRefreshTokenResponse(server, client, answer);
  if (oauth.isOAuth2Error(token)) {
    localStorage.clear();
    location.assign("/");
    await new Promise(() => {}); // nothing more happens on this page
  }
  localStorage.setItem(TOKEN, JSON.stringify(token));
}

// --- The page -------------------------------------------------------------------------------------------------
function show(html) {
  const main = document.querySelector("main");
  main.innerHTML = `${html}<p role="status"></p>`;
  return main.firstElementChild;
}

function say(text) {
  const status = document.querySelector("[role=status]") ?? show("<p></p>").nextElementSibling;
  status.textContent = text;
}
