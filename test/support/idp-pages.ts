/**
 * Login pages in the structure of AD FS, Keycloak, SimpleSAMLphp, LemonLDAP::NG and Shibboleth: their ids, field names, hidden fields,
 * actions and the ways in which they say no. Structure alone; the words are ours.
 */

export interface LoginPageParts {
  /** Values of hidden fields, which have to come back as they are. */
  readonly hidden: Readonly<Record<string, string>>;
  readonly action: string;
  /** Undefined: the first visit. */
  readonly error?: string | undefined;
  /** What was typed into the name field, repeated by most. */
  readonly username?: string;
}

export type PageMaker = (parts: LoginPageParts) => string;

const attribute = (text: string): string => text.replace(/&/g, "&amp;").replace(/"/g, "&quot;").replace(/</g, "&lt;");

const hiddenInputs = (hidden: Readonly<Record<string, string>>): string =>
  Object.entries(hidden)
    .map(([name, value]) => `<input type="hidden" name="${attribute(name)}" value="${attribute(value)}" />`)
    .join("\n");

/** A form for the name and password, and a second one without fields to type into, for the choice of another method. */
export const adfsLogin: PageMaker = ({ action, error = "", hidden, username = "" }) => `<!DOCTYPE html>
<html lang="en-US"><head>
<meta http-equiv="X-UA-Compatible" content="IE=10.000"/>
<meta http-equiv="content-type" content="text/html;charset=UTF-8" />
<title>Sign In</title>
<script type='text/javascript'>
//<![CDATA[
function LoginErrors(){this.userNameFormatError = 'Write it as user@domain or domain\\\\user.'; this.passwordEmpty = 'The password is missing.';}
//]]>
</script></head>
<body dir="ltr" class="body">
<div id="noScript" style="position:static; width:100%; height:100%; z-index:100"><h1>Scripts are needed</h1></div>
<div id="fullPage"><div id="workArea">
<div id="authArea" class="groupMargin"><div id="loginArea">
<form method="post" id="loginForm" autocomplete="off" novalidate="novalidate" onKeyPress="if (event && event.keyCode == 13) Login.submitLoginRequest();" action="${action}" >
<div id="error" class="fieldMargin error smallText"><span id="errorText" for="" aria-live="assertive" role="alert">${error}</span></div>
<div id="formsAuthenticationArea">
<div id="userNameArea"><label id="userNameInputLabel" for="userNameInput" class="hidden">User Account</label>
<input id="userNameInput" name="UserName" type="email" value="${attribute(username)}" tabindex="1" class="text fullWidth" spellcheck="false" placeholder="someone@corp.example" autocomplete="off"/></div>
<div id="passwordArea"><label id="passwordInputLabel" for="passwordInput" class="hidden">Password</label>
<input id="passwordInput" name="Password" type="password" tabindex="2" class="text fullWidth" placeholder="Password" autocomplete="off"/></div>
<div id="kmsiArea" style="display:none"><input type="checkbox" name="Kmsi" id="kmsiInput" value="true" tabindex="3" /></div>
<div id="submissionArea" class="submitMargin"><span id="submitButton" class="submit" tabindex="4" role="button" onclick="return Login.submitLoginRequest();">Sign in</span></div>
</div>
<input id="optionForms" type="hidden" name="AuthMethod" value="FormsAuthentication"/>
${hiddenInputs(hidden)}
</form>
<div id="authOptions"><form id="options" method="post" action="${action}"><script type="text/javascript">
function SelectOption(option) { var i = document.getElementById('optionSelection'); i.value = option; document.forms['options'].submit(); }
</script><input id="optionSelection" type="hidden" name="AuthMethod" /></form></div>
</div></div></div></div></body></html>`;

/** The action is absolute, with ampersands written as entities. */
export const keycloakLogin: PageMaker = ({ action, error, hidden, username = "" }) => `<!DOCTYPE html>
<html class="login-pf" lang="en"><head><meta charset="utf-8"><meta name="robots" content="noindex, nofollow"><title>Sign in to prod</title></head>
<body class=""><div class="login-pf-page"><div class="card-pf"><header class="login-pf-header"><h1 id="kc-page-title">Sign in</h1></header>
<div id="kc-content"><div id="kc-content-wrapper"><div id="kc-form"><div id="kc-form-wrapper">
<form id="kc-form-login" onsubmit="login.disabled = true; return true;" action="${attribute(action)}" method="post">
<div class="form-group"><label for="username" class="pf-c-form__label">User</label>
<input tabindex="2" id="username" class="pf-c-form-control" name="username" value="${attribute(username)}" type="text" autofocus autocomplete="username" aria-invalid="${error === undefined ? "" : "true"}" />
${error === undefined ? "" : `<span id="input-error" class="pf-c-form__helper-text pf-m-error required kc-feedback-text" aria-live="polite">${error}</span>`}
</div><div class="form-group"><label for="password">Password</label>
<div class="pf-c-input-group"><input tabindex="3" id="password" class="pf-c-form-control" name="password" type="password" autocomplete="current-password" />
<button class="pf-c-button pf-m-control" type="button" aria-label="Show password" aria-controls="password" data-password-toggle></button></div></div>
<div id="kc-form-buttons" class="form-group">${hiddenInputs(hidden)}<input type="hidden" id="id-hidden-input" name="credentialId" />
<input tabindex="7" class="pf-c-button btn-lg" name="login" id="kc-login" type="submit" value="Sign In"/></div></form>
</div></div></div></div></div></div></body></html>`;

/** action="?", a table, an error that is marked by a picture alone, and a form of the chosen language before it. */
export const simplesamlLogin: PageMaker = ({
  error,
  hidden,
  username = "",
}) => `<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">
<html xmlns="http://www.w3.org/1999/xhtml"><head><meta http-equiv="Content-Type" content="text/html; charset=utf-8" />
<title>Name and password, please</title></head><body onload="SimpleSAML_focus('username');"><div id="wrap">
${error === undefined ? "" : `<div style="border-left: 1px solid #e8e8e8"><img src="/simplesaml/resources/icons/experience/gtk-dialog-error.48x48.png" class="float-l erroricon" alt=""/><h2>Error</h2><p><strong>${error}</strong></p><p>Nobody was found, or another password. Try again!</p></div>`}
<h2 style="break: both">Who are you?</h2>
<form action="?" method="post" name="f"><table>
<tr><td><label for="username">Username</label></td><td><input id="username" type="text" name="username" autocomplete="username" tabindex="1" value="${attribute(username)}" /></td></tr>
<tr><td><label for="password">Password</label></td><td><input id="password" type="password" tabindex="2" name="password" autocomplete="current-password" /></td></tr>
<tr id="submit"><td></td><td><button id="regularsubmit" class="btn" tabindex="5" onclick="this.value='wait'; this.disabled=true; this.form.submit(); return true;">Login</button></td></tr>
</table>
${hiddenInputs(hidden)}
</form></div></body></html>`;

/** action="#"; the message is a number that a script puts into words. */
export const lemonldapLogin: PageMaker = ({ error, hidden, username = "" }) => `<!DOCTYPE html>
<html lang="en"><head><title trspan="authPortal">Authentication portal</title><meta charset="utf-8" />
<script type="application/init">{"displaytab":"","choicetab":"","login":"","scriptname":"/","activeTimer":1,"pingInterval":60000}</script>
</head><body><div id="page"><main id="logincontent" class="container">
<div id="errormsg"><div class="message message-${error === undefined ? "positive" : "negative"} alert" role="${error === undefined ? "status" : "alert"}"><span trmsg="${error ?? "9"}"></span></div></div>
<div class="card"><form id="lform" action="#" method="post" class="login Demo" role="form">
${hiddenInputs(hidden)}
<input type="hidden" name="timezone" /><input type="hidden" name="skin" value="bootstrap" />
<div class="form"><input id="userfield" name="user" type="text" class="form-control" value="${attribute(username)}" trplaceholder="login" required aria-required="true" />
<input id="passwordfield" name="password" type="password" class="form-control" trplaceholder="password" required aria-required="true" />
<div class="input-group-text"><input type="checkbox" id="checkLogins" name="checkLogins" /></div>
<button type="submit" class="btn btn-success"><span class="fa fa-sign-in"></span><span trspan="connect">Connect</span></button></div>
</form></div></main></div></body></html>`;

/** The button's name is the event that the server waits for. */
export const shibbolethLogin: PageMaker = ({ action, error, hidden, username = "" }) => `<!DOCTYPE html>
<html><head><meta charset="UTF-8" /><meta name="viewport" content="width=device-width,initial-scale=1.0"><title>Web Login Service</title></head>
<body><main class="main"><section><form action="${action}" method="post">
${hiddenInputs(hidden)}
${error === undefined ? "" : `<p class="form-element form-error output--error">${error}</p>`}
<label for="username">Username</label><input class="form-element form-field" id="username" name="j_username" type="text" value="${attribute(username)}" />
<label for="password">Password</label><input class="form-element form-field" id="password" name="j_password" type="password" value="" />
<input type="checkbox" name="donotcache" value="1" id="donotcache" /><input id="_shib_idp_revokeConsent" type="checkbox" name="_shib_idp_revokeConsent" value="true" />
<div class="grid"><button class="form-button" type="submit" name="_eventId_proceed" onClick="this.childNodes[0].nodeValue='…'">Login</button></div>
</form></section></main></body></html>`;

/** What Shibboleth sends before the login: a form that goes on by itself, to carry what the browser has stored. */
export const shibbolethStorage: PageMaker = ({
  action,
  hidden,
}) => `<html><head><meta charset="UTF-8" /><title>Loading</title>
<script>function doLoad(){ document.form1.submit(); }</script></head>
<body onload="doLoad()"><noscript><div class="content">Scripts are off.</div></noscript>
<form name="form1" action="${action}" method="post">${hiddenInputs(hidden)}
<input type="hidden" name="shib_idp_ls_exception.shib_idp_session_ss" /><input type="hidden" name="shib_idp_ls_success.shib_idp_session_ss" value="true" />
<input type="hidden" name="_eventId_proceed" /><noscript><input type="submit" value="Continue" /></noscript></form></body></html>`;

/** The last page of every one of them. */
export function postingPage(action: string, fields: Readonly<Record<string, string>>): string {
  return `<!DOCTYPE html><HTML><HEAD><TITLE>Working...</TITLE></HEAD><BODY Onload="document.forms[0].submit()">
<FORM METHOD="POST" ACTION="${attribute(action)}">${Object.entries(fields)
    .map(([name, value]) => `<INPUT TYPE="hidden" NAME="${attribute(name)}" VALUE="${attribute(value)}"/>`)
    .join("")}<NOSCRIPT><P>Scripts are off.</P><INPUT TYPE="submit" VALUE="Continue"/></NOSCRIPT></FORM></BODY></HTML>`;
}

/** Pages that ask for more than a password, by whose they are. */
export const SECOND_FACTOR_PAGES: Readonly<Record<string, string>> = {
  "Keycloak, one-time code": `<title>Sign in</title><form id="kc-otp-login-form" action="/realms/prod/login-actions/authenticate?execution=2" method="post"><input id="otp" name="otp" autocomplete="off" type="text" autofocus /><input name="login" id="kc-login" type="submit" value="Sign In" /></form>`,
  "Keycloak, security key": `<form id="webauth" action="/realms/prod/login-actions/authenticate" method="post"><input type="hidden" id="clientDataJSON" name="clientDataJSON"/><input type="hidden" id="authenticatorData" name="authenticatorData"/><input type="hidden" id="signature" name="signature"/></form><input id="authenticateWebAuthnButton" type="button" value="Key"/>`,
  "AD FS, Azure MFA": `<form method="post" id="loginForm" action="/adfs/ls/?x=1"><input id="authMethod" type="hidden" name="AuthMethod" value="AzureMfaAuthentication"/><input id="context" type="hidden" name="Context" value="abc"/><input type="hidden" name="__EVENTTARGET" value=""/></form>`,
  "AD FS, Azure MFA code": `<form method="post" id="loginForm"><input id="authMethod" type="hidden" name="AuthMethod" value="AzureMfaAuthentication"/><input id="verificationCodeInput" name="VerificationCode" value="" type="text" autocomplete="off" /></form>`,
  "Duo, in a frame": `<iframe id="duo_iframe" data-host="api-1234.duosecurity.com" data-sig-request="TX|abc"></iframe><form id="duo_form" method="post"></form>`,
  "Shibboleth, TOTP": `<form action="/idp/profile/SAML2/Redirect/SSO?execution=e1s3" method="post"><input type="hidden" name="csrf_token" value="_1"/><input id="tokencode" name="j_tokenNumber" type="text" value=""/><button type="submit" name="_eventId_proceed">Login</button></form>`,
  "LemonLDAP::NG, TOTP": `<form action="/totp2fcheck?skin=bootstrap" method="post" class="login"><input type="hidden" id="token" name="token" value="1"/><input name="code" value="" type="text" class="form-control" id="extcode" autocomplete="one-time-code"/><button type="submit">ok</button></form>`,
  "LemonLDAP::NG, choice": `<form id="2fchoice" action="/2fchoice" method="POST"><input type="hidden" id="token" name="token" value="1"/><button type="submit" name="sf" value="totp">TOTP</button><button type="submit" name="sf" value="u">U2F</button></form>`,
};
