// What the page says, in Chinese and English.

const WORDS = {
  zh: {
    skip: "跳到诗句", photo: "照片", lead: "放一张照片，寻一句古诗", ways: "拖进来，粘贴，或者",
    choose: "选一张照片", change: "换一张", camera: "拍一张", no_preview: "这种照片浏览器显示不了，但看得见",
    cancel: "算了", vlm: "请视觉语言模型也看一看（慢一些，也会试作新句）",
    ask: "怎么寻", words: "自己的话", words_hint: "没有照片，也可以只写一句",
    seen: "所见", scene: "情境", because: (s) => `因为 ${s}`, reset: "恢复原样", add: "添一个意象", add_hint: "月、舟、柳……", description: "描述",
    more: "细改与筛选", dynasty: "朝代", genre: "体裁", form: "句式", author: "作者", author_hint: "李白", clear: "清除筛选",
    verses: "诗句", empty: "诗句会出现在这里：都是真实的原句，注明出处与理由。", past: "往日", forget: "全部忘掉",
    past_note: "只留在这个浏览器里，不在别处。",
    foot: "照片只在这台服务器上看一眼，不留存。诗句原样出自诗库，不经改动。",
    card: "存成一张图", close: "关闭", layout: "版式", format: "格式", card_note: "原图大小，没有水印，不带位置信息。",
    card_save: "保存", card_share: "分享", key: "需要密钥", key_note: "这台服务器要密钥才能用；它只存在这个浏览器里。",
    key_label: "密钥", key_ok: "好",
    script: "简", script_name: "现在是简体；换成繁体", script_other: "繁", script_other_name: "现在是繁体；换成简体",
    language: "EN", language_name: "Switch to English", theme_auto: "明暗：跟随系统", theme_light: "明暗：亮", theme_dark: "明暗：暗",
    uploading: (p) => `正在送上照片 ${p} %`, looking: "正在看照片，寻诗……", slow: "还在寻，稍候……", queue: (s) => `人多，${s} 秒后再试……`,
    searching: "重新寻……", found: (n) => `寻到 ${n} 句。`, none: "没有合适的诗句；放宽筛选，或换个说法再试。", cancelled: "算了，没有再寻。",
    taken: "摄于", belongs: "应时应地", quotes: "用了成句", why: "因其写到", retrieved: "原句", composed: "新作", score: (s) => `契合 ${s}`, poem: "全诗", poem_close: "收起全诗", pinyin: "拼音", copy: "复制",
    copied: "已复制", copy_failed: "复制不了", save: "存图", whole: "全诗", translation: "译文", by_source: (s) => `（${s}）`, by_model: (m) => `（模型 ${m} 译）`, source: (s) => `出自 ${s}`, this_verse: "所寻的这一句",
    chip: (t, s) => `${t}，${s} %`, chip_added: (t) => `${t}，自己添的`, no_term: (t) => `词表里没有“${t}”，可以写进描述里。`, on: (n) => `${n} 项`,
    suggestion: (names) => `没有这个名字的诗句；是不是 ${names}？`, no_name: "没有这个名字的诗句。",
    drawing: "正在排版……", saved: "已保存", no_photo: "没有照片，画不成图。", photo_alt: "所选的照片", card_alt: (v) => `写着“${v}”的图`,
    forget_sure: "把这个浏览器里的往日记录全部删掉？", untitled: "无题", back: (v) => `回到：${v}`, preparing: "服务器正在准备……", retry: "再试一次",
    problems: {
      "photo-too-large": "照片太大了，存小一些再试。", "not-a-photo": "这不是能看的照片；请用 JPEG、PNG、WebP、HEIC 等。",
      "bad-photo": "这张照片坏了或不完整；重新下载或复制一份。", busy: "现在人太多，稍后再试。", "too-slow": "寻了太久，没有结果；再试一次。",
      rate: "问得太快了，歇一会儿再试。", "other-space": "模型换过了，请重新选那张照片。", network: "连不上服务器；看看它还在不在。",
      "not-ready": "服务器还没准备好，稍后再试。", internal: "服务器出了错。", "no-poem": "诗库里找不到这首诗了。", "card-too-large": "这张图太大了，存不下。", "no-vlm": "这台服务器没有视觉语言模型。",
    },
    layouts: { overlay: "题画", side: "侧页", band: "底栏", poster: "海报", scroll: "立轴", moon: "月窗", fan: "扇面", square: "方图" },
  },
  en: {
    skip: "Skip to the verses", photo: "Photo", lead: "A photo in, a line of classical verse out", ways: "drop it here, paste it, or",
    choose: "Choose a photo", change: "Another photo", camera: "Take one", no_preview: "The browser can't show this kind of photo; the server can see it",
    cancel: "Cancel", vlm: "Let the vision-language model look too (slower; may also compose)",
    ask: "What to look for", words: "Your own words", words_hint: "in Chinese; enough without a photo",
    seen: "What is seen", scene: "Scene", because: (s) => `because of ${s}`, reset: "As it was", add: "Add an image", add_hint: "moon, boat, 柳 …", description: "Description (Chinese)",
    more: "Change and filter", dynasty: "Dynasty", genre: "Genre", form: "Line length", author: "Poet", author_hint: "李白", clear: "Clear filters",
    verses: "Verses", empty: "Verses appear here: real ones, with their source and the reason they fit.", past: "Earlier", forget: "Forget all",
    past_note: "Kept in this browser, and nowhere else.",
    foot: "Your photo is looked at on this server and not kept. Verses come from the corpus as they are.",
    card: "Save as a picture", close: "Close", layout: "Layout", format: "Format", card_note: "In the photo's own size, without a watermark or its location.",
    card_save: "Save", card_share: "Share", key: "A key is needed", key_note: "This server asks for a key; it is kept in this browser only.",
    key_label: "Key", key_ok: "OK",
    script: "简", script_name: "Simplified characters; switch to traditional", script_other: "繁", script_other_name: "Traditional characters; switch to simplified",
    language: "中", language_name: "换成中文", theme_auto: "Theme: as the system", theme_light: "Theme: light", theme_dark: "Theme: dark",
    uploading: (p) => `Sending the photo, ${p} %`, looking: "Looking, and searching …", slow: "Still searching …", queue: (s) => `Busy; trying again in ${s} s …`,
    searching: "Searching again …", found: (n) => (n === 1 ? "One verse found." : `${n} verses found.`), none: "No verse fits; use fewer filters or other words.", cancelled: "Cancelled.",
    taken: "Taken", belongs: "Of the place and day", quotes: "Takes over", why: "It names", retrieved: "real", composed: "composed", score: (s) => `fit ${s}`, poem: "Whole poem", poem_close: "Hide the poem", pinyin: "Pinyin", copy: "Copy",
    copied: "Copied", copy_failed: "Can't copy", save: "Picture", whole: "Whole poem", translation: "In plain Chinese", by_source: (s) => `(${s})`, by_model: (m) => `(by the model ${m})`, source: (s) => `from ${s}`, this_verse: "the verse that was found",
    chip: (t, s) => `${t}, ${s} %`, chip_added: (t) => `${t}, added by you`, no_term: (t) => `The lexicon doesn't have “${t}”; write it into the description.`, on: (n) => `${n} on`,
    suggestion: (names) => `No verse has that name; did you mean ${names}?`, no_name: "No verse has that name.",
    drawing: "Setting the card …", saved: "Saved", no_photo: "There is no photo to set it on.", photo_alt: "The photo you chose", card_alt: (v) => `A card with “${v}”`,
    forget_sure: "Delete all that this browser remembers?", untitled: "untitled", back: (v) => `Back to: ${v}`, preparing: "The server is getting ready …", retry: "Try again",
    problems: {
      "photo-too-large": "The photo is too large; save it smaller.", "not-a-photo": "That is no photo we can read; use JPEG, PNG, WebP, HEIC …",
      "bad-photo": "The photo is damaged or incomplete; copy or download it again.", busy: "Too many people at once; try again shortly.", "too-slow": "It took too long; try again.",
      rate: "Too many requests; wait a little.", "other-space": "The model has changed; choose that photo again.", network: "The server can't be reached; is it still running?",
      "not-ready": "The server isn't ready yet; try again shortly.", internal: "The server made a mistake.", "no-poem": "The corpus no longer has this poem.", "card-too-large": "The card would be too large.", "no-vlm": "This server has no vision-language model.",
    },
    sides: {
      春: "spring", 夏: "summer", 秋: "autumn", 冬: "winter", 晨: "morning", 昼: "day", 暮: "dusk", 夜: "night",
      晴: "clear", 阴: "overcast", 雨: "rain", 雪: "snow", 雾: "mist", 暖: "warm", 冷: "cold", 明: "bright", 暗: "dark",
      山: "mountains", 水: "water", 山水: "mountains and water", 林: "woods", 原野: "open land", 田园: "fields", 城: "town",
      居室: "indoors", 宫苑: "palace", 园庭: "garden", 寺观: "temple", 边塞: "frontier", 闲适: "at ease", 孤寂: "lonely", 壮阔: "grand",
      凄清: "bleak", 萧瑟: "sere", 苍凉: "desolate", 静谧: "still", 空濛: "hazy", 明媚: "fair", 热闹: "lively",
    },
    layouts: { overlay: "On the photo", side: "Side", band: "Band", poster: "Poster", scroll: "Scroll", moon: "Moon window", fan: "Fan", square: "Square" },
  },
};

let language = localStorage.getItem("language") || (navigator.language.startsWith("zh") ? "zh" : "en");

export const current = () => language;

export function t(name, ...values) {
  const word = WORDS[language][name];
  return typeof word === "function" ? word(...values) : word;
}

export function switchLanguage() {
  language = language === "zh" ? "en" : "zh";
  localStorage.setItem("language", language);
}

// Write the words into everything that names one.
export function speak(root = document) {
  document.documentElement.lang = language === "zh" ? "zh-Hans" : "en";
  for (const node of root.querySelectorAll("[data-t]")) node.textContent = t(node.dataset.t);
  for (const node of root.querySelectorAll("[data-p]")) node.placeholder = t(node.dataset.p);
}

export const problemText = (problem) => t("problems")[problem.kind] || problem.detail || t("problems").internal;
