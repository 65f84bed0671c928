// The page's files, as they are, in the program. C23's `#embed` takes them in no time; what SwiftPM
// embeds by itself becomes a Swift array literal, 10 s of compiling at every build of its module.

#include "CConsole.h"

#pragma clang diagnostic ignored "-Wc23-extensions"

static const uint8_t index_html[] = {
#embed "page/index.html"
};
static const uint8_t account_js[] = {
#embed "page/account.js"
};
static const uint8_t answer_js[] = {
#embed "page/answer.js"
};
static const uint8_t api_js[] = {
#embed "page/api.js"
};
static const uint8_t base_css[] = {
#embed "page/base.css"
};
static const uint8_t curve_js[] = {
#embed "page/curve.js"
};
static const uint8_t dom_js[] = {
#embed "page/dom.js"
};
static const uint8_t format_js[] = {
#embed "page/format.js"
};
static const uint8_t gauge_js[] = {
#embed "page/gauge.js"
};
static const uint8_t generation_js[] = {
#embed "page/generation.js"
};
static const uint8_t growth_js[] = {
#embed "page/growth.js"
};
static const uint8_t icon_svg[] = {
#embed "page/icon.svg"
};
static const uint8_t keys_js[] = {
#embed "page/keys.js"
};
static const uint8_t lesson_js[] = {
#embed "page/lesson.js"
};
static const uint8_t main_js[] = {
#embed "page/main.js"
};
static const uint8_t memory_js[] = {
#embed "page/memory.js"
};
static const uint8_t parts_js[] = {
#embed "page/parts.js"
};
static const uint8_t person_js[] = {
#embed "page/person.js"
};
static const uint8_t talk_js[] = {
#embed "page/talk.js"
};
static const uint8_t timeline_js[] = {
#embed "page/timeline.js"
};
static const uint8_t views_css[] = {
#embed "page/views.css"
};
static const uint8_t why_js[] = {
#embed "page/why.js"
};
static const uint8_t write_js[] = {
#embed "page/write.js"
};

#define FILE_NAMED(name, bytes) {name, bytes, sizeof bytes}

static const hebb_console_file files[] = {
    FILE_NAMED("index.html", index_html),
    FILE_NAMED("account.js", account_js),
    FILE_NAMED("answer.js", answer_js),
    FILE_NAMED("api.js", api_js),
    FILE_NAMED("base.css", base_css),
    FILE_NAMED("curve.js", curve_js),
    FILE_NAMED("dom.js", dom_js),
    FILE_NAMED("format.js", format_js),
    FILE_NAMED("gauge.js", gauge_js),
    FILE_NAMED("generation.js", generation_js),
    FILE_NAMED("growth.js", growth_js),
    FILE_NAMED("icon.svg", icon_svg),
    FILE_NAMED("keys.js", keys_js),
    FILE_NAMED("lesson.js", lesson_js),
    FILE_NAMED("main.js", main_js),
    FILE_NAMED("memory.js", memory_js),
    FILE_NAMED("parts.js", parts_js),
    FILE_NAMED("person.js", person_js),
    FILE_NAMED("talk.js", talk_js),
    FILE_NAMED("timeline.js", timeline_js),
    FILE_NAMED("views.css", views_css),
    FILE_NAMED("why.js", why_js),
    FILE_NAMED("write.js", write_js),
};

size_t hebb_console_count(void) { return sizeof files / sizeof *files; }

hebb_console_file hebb_console_at(size_t index) { return files[index]; }
