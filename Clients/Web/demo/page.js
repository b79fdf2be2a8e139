import { initials } from './words.js';

/** Small ways to reach into the page. */
export const element = (id) => document.getElementById(id);

/** A copy of the first element of a `<template>`. */
export function copyOf(templateId) {
  return element(templateId).content.firstElementChild.cloneNode(true);
}

/** A person's round sign: initials on a colour of their own. */
export function paintAvatar(avatar, userId, name) {
  let hash = 7;
  for (const character of userId) hash = (hash * 31 + character.codePointAt(0)) % 3600;
  avatar.style.setProperty('--hue', hash % 360);
  avatar.textContent = initials(name);
}

let noticeTimer = 0;

/** A message at the foot of the page, for a few seconds or until the next; `action` is `{label, perform}`. */
export function showNotice(text, action, { stays = false } = {}) {
  const notice = element('notice');
  element('notice-text').textContent = text;
  element('notice-action').hidden = !action;
  if (action) {
    element('notice-action').textContent = action.label;
    element('notice-action').onclick = () => (hideNotice(), action.perform());
  }
  notice.hidden = false;
  clearTimeout(noticeTimer);
  if (!stays) noticeTimer = setTimeout(hideNotice, 6_000);
}

export function hideNotice() {
  element('notice').hidden = true;
}

/** The one status line of the page; it moves to where the eyes are. */
export function showStatus(state, text) {
  const status = element('status');
  if (status.dataset.state === state && status.textContent === text) return;
  status.dataset.state = state;
  status.textContent = text;
}

export function moveStatus(slotId) {
  const slot = element(slotId);
  if (!slot.contains(element('status'))) slot.append(element('status'));
}
