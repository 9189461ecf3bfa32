// Words and amounts in the person's language: what the server put on <body>, and the same money rule it uses.
const words = JSON.parse(document.body.dataset.words);
const latin = "0123456789";

export const me = document.body.dataset.me;
export const all = "all" in document.body.dataset; // a manager: every card is on the board
export const rtl = document.documentElement.dir === "rtl";

export function t(key, values = {}) {
  return (words[key] ?? key).replace(/%\((\w+)\)s/g, (_, name) => values[name] ?? "");
}

const written = (text, own) => (own === latin ? text : text.replace(/[0-9]/g, (d) => own[d]));
const grouped = (whole, sign) => whole.replace(/\B(?=(\d{3})+$)/g, sign);

export const digits = (text) => written(text, words.digits);
export const number = (n) => digits(grouped(String(n), words.money[2]));

// "1500.50" -> [150050n, 2]
export function minor(amount) {
  const [whole, fraction = ""] = amount.split(".");
  return [BigInt(whole + fraction), fraction.length];
}

// The same rule as Reader.money on the server.
export function moneyAs([before, after, group, point, tens = 0], own, units, places) {
  places += tens; // toman: rials with one decimal
  const text = String(units < 0n ? -units : units).padStart(places + 1, "0");
  const whole = places ? text.slice(0, -places) : text;
  const fraction = places ? text.slice(-places) : "";
  const sum = grouped(whole, group) + (/[1-9]/.test(fraction) ? point + fraction : "");
  const minus = own[0] === "0" ? "−" : "\u200e−"; // a mark keeps it before digits of right-to-left text
  return (units < 0n ? minus : "") + before + written(sum, own) + after;
}

// Millions and milliards of rials in words, rounded to two decimals: as sums.py does on the server.
export function shortAs([before, after, group, point, tens = 0], own, short, units, places) {
  const size = units < 0n ? -units : units;
  for (const [zeros, word] of short) {
    const one = 10n ** BigInt(zeros + places + tens);
    if (size < one) continue;
    const hundredths = (size * 100n + one / 2n) / one;
    const [few, left] = hundredths % 10n ? [hundredths, 2] : [hundredths / 10n, 1];
    return moneyAs([before, word + after, group, point], own, units < 0n ? -few : few, left);
  }
  return moneyAs([before, after, group, point, tens], own, units, places);
}

export const shortMoney = (units, places) => shortAs(words.money, words.digits, words.short, units, places);
export const money = (units, places) => moneyAs(words.money, words.digits, units, places);

export function span(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  const two = (n) => String(n).padStart(2, "0");
  const hours = Math.floor(s / 3600);
  const minutes = Math.floor((s % 3600) / 60);
  return digits(hours ? `${hours}:${two(minutes)}:${two(s % 60)}` : `${minutes}:${two(s % 60)}`);
}
