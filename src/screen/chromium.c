/*
 * chromium.c: starting and ending Chromium, its page, pictures of it.
 */
#include "screen/chromium_parts.h"

#include "base/base64.h"
#include "base/clock.h"
#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const programs[] = {
    "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", NULL};

/* What a browser would show or fetch of its own accord. */
static const char unwanted[] =
    "--disable-features=AutofillServerCommunication,MediaRouter,OptimizationHints,PaintHolding,Translate,"
    "WebUIOmniboxAimPopup,WebUIOmniboxPopup";

/*
 * No window, no network of its own accord, nothing that differs from start to start, and letters that look the same on
 * every machine: grey antialiasing without hinting, sRGB.
 */
static const char *const flags[] = {
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-first-run",
    "--no-default-browser-check",
    "--no-service-autorun",
    "--disable-background-networking",
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-breakpad",
    "--disable-client-side-phishing-detection",
    "--disable-component-update",
    "--disable-crash-reporter",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-extensions",
    unwanted,
    "--disable-frame-rate-limit",
    "--disable-gpu",
    "--disable-gpu-vsync",
    "--disable-hang-monitor",
    "--disable-lcd-text",
    "--disable-popup-blocking",
    "--disable-prompt-on-repost",
    "--disable-renderer-backgrounding",
    "--disable-smooth-scrolling",
    "--disable-sync",
    "--font-render-hinting=none",
    "--force-color-profile=srgb",
    "--force-device-scale-factor=1",
    "--hide-scrollbars",
    "--lang=en-US",
    "--metrics-recording-only",
    "--mute-audio",
    "--password-store=basic",
    "--use-mock-keychain",
};
enum { N_FLAGS = sizeof flags / sizeof *flags, MAX_ARGS = N_FLAGS + 8 };

struct sl_browser_options sl_browser_options_default(void)
{
    return (struct sl_browser_options){.start_timeout = 30, .timeout = 15};
}

sl_status sl_browser_call(struct sl_browser *b, const char *method, json_t *params, json_t **result, sl_error *err)
{
    return sl_devtools_call(&b->devtools, b->session, method, params, result, err);
}

/* Keeps what the browser says of its own accord. */
static sl_status on_event(void *user, const char *session, const char *name, const json_t *params, sl_error *err)
{
    struct sl_browser *b = user;
    if (strcmp(name, "Target.targetCrashed") == 0) return sl_fail(err, SL_ERR_IO, "the page crashed");
    if (strcmp(session, b->session) != 0) return SL_OK;
    if (strcmp(name, "Inspector.targetCrashed") == 0) return sl_fail(err, SL_ERR_IO, "the page crashed");
    if (strcmp(name, "Page.loadEventFired") == 0) b->loaded = true;
    if (strcmp(name, "Page.frameNavigated") == 0 && !json_object_get(json_object_get(params, "frame"), "parentId"))
        b->shown = false;
    if (strcmp(name, "Page.frameStartedLoading") == 0) b->loading = true;
    if (strcmp(name, "Page.frameStoppedLoading") == 0) b->loading = false;
    /* A dialog of the page would stop everything until somebody closes it. */
    if (strcmp(name, "Page.javascriptDialogOpening") == 0) {
        const char *type = json_string_value(json_object_get(params, "type"));
        return sl_devtools_send(&b->devtools, b->session, "Page.handleJavaScriptDialog",
                                json_pack("{s:b}", "accept", type && strcmp(type, "beforeunload") == 0), err);
    }
    return SL_OK;
}

/* Appends the rule that keeps every host but the allowed ones from being found. */
static void add_host_rules(struct sl_buf *out, const char *allow)
{
    sl_buf_addstr(out, "--host-resolver-rules=MAP * ~NOTFOUND");
    while (allow && *allow) {
        size_t n = strcspn(allow, " ,");
        if (n) sl_buf_addf(out, ", EXCLUDE %.*s", (int)n, allow);
        allow += n + (allow[n] != '\0');
    }
}

static sl_status launch(struct sl_browser *b, const char *program, const char *allow, sl_error *err)
{
    struct sl_buf profile = SL_BUF_INIT(8192), hosts = SL_BUF_INIT(65536);
    const char *argv[MAX_ARGS];
    int n = 0;
    char *folder;
    sl_status status = sl_child_folder(&folder, err);
    if (status) return status;
    argv[n++] = program;
    for (int i = 0; i < N_FLAGS; i++) argv[n++] = flags[i];
    sl_buf_addf(&profile, "--user-data-dir=%s", folder);
    argv[n++] = sl_buf_str(&profile);
    add_host_rules(&hosts, allow);
    if (!allow || strcmp(allow, "*") != 0) argv[n++] = sl_buf_str(&hosts);
    /* The sandbox refuses to be set up by root, who needs none to do harm. */
    if (geteuid() == 0) argv[n++] = "--no-sandbox";
    argv[n++] = "about:blank";
    argv[n] = NULL;
    if (sl_buf_ok(&profile) && sl_buf_ok(&hosts)) {
        status = sl_child_start(&b->child, program, (char *const *)argv, folder, err);
    } else {
        b->child = (struct sl_child){.to = -1, .from = -1, .folder = folder};
        sl_child_end(&b->child, 0);
        status = sl_fail(err, SL_ERR_MEMORY, "no memory for the browser's options");
    }
    sl_buf_release(&profile);
    sl_buf_release(&hosts);
    return status;
}

/* Copies the string at key of an answer; takes the answer. */
static sl_status take_string(json_t *answer, const char *key, char out[64], sl_error *err)
{
    const char *s = json_string_value(json_object_get(answer, key));
    size_t n = s ? strlen(s) : 0;
    if (n > 0 && n < 64) memcpy(out, s, n + 1);
    json_decref(answer);
    return n > 0 && n < 64 ? SL_OK : sl_fail(err, SL_ERR_FORMAT, "the browser's answer has no %s", key);
}

/* Makes the page that everything happens in, and listens to it. */
static sl_status attach(struct sl_browser *b, sl_error *err)
{
    static const char *const enable[] = {"Page.enable", "Inspector.enable", "Runtime.enable"};
    struct sl_devtools *d = &b->devtools;
    json_t *answer;
    sl_status status =
        sl_devtools_call(d, "", "Target.setDiscoverTargets", json_pack("{s:b}", "discover", 1), NULL, err);
    if (!status)
        status = sl_devtools_call(d, "", "Target.createTarget", json_pack("{s:s}", "url", "about:blank"), &answer, err);
    if (!status) status = take_string(answer, "targetId", b->target, err);
    if (!status)
        status = sl_devtools_call(d, "", "Target.attachToTarget",
                                  json_pack("{s:s, s:b}", "targetId", b->target, "flatten", 1), &answer, err);
    if (!status) status = take_string(answer, "sessionId", b->session, err);
    for (int i = 0; i < 2 && !status; i++) status = sl_browser_call(b, enable[i], NULL, NULL, err);
    if (!status) status = sl_browser_call(b, "Page.getFrameTree", NULL, &answer, err);
    if (status) return status;
    json_t *frame = json_incref(json_object_get(json_object_get(answer, "frameTree"), "frame"));
    json_decref(answer);
    return take_string(frame, "id", b->frame, err);
}

static sl_status capture(void *self, struct sl_picture *out, sl_error *err)
{
    struct sl_browser *b = self;
    struct sl_buf bytes = SL_BUF_INIT(256 << 20);
    json_t *answer;
    sl_status status = sl_browser_call(b, "Page.captureScreenshot",
                                       json_pack("{s:s, s:b}", "format", "png", "optimizeForSpeed", 1), &answer, err);
    if (status) return status;
    const json_t *data = json_object_get(answer, "data");
    status =
        sl_base64_decode(json_string_value(data) ? json_string_value(data) : "", json_string_length(data), &bytes, err);
    if (!status) status = sl_picture_decode(out, bytes.data, bytes.len, SL_PICTURE_MAX_PIXELS, err);
    if (status) status = sl_fail_context(err, status, "the browser's picture");
    json_decref(answer);
    sl_buf_release(&bytes);
    if (!status && (out->width != b->screen.width || out->height != b->screen.height)) {
        status = sl_fail(err, SL_ERR_FORMAT, "the browser's picture is %d x %d, not %d x %d", out->width, out->height,
                         b->screen.width, b->screen.height);
        sl_picture_free(out);
    }
    return status;
}

static const struct sl_screen_driver driver = {capture, sl_browser_input, sl_browser_wait};

sl_status sl_browser_start(struct sl_browser **out, const struct sl_browser_options *options, sl_error *err)
{
    struct sl_browser_options o = options ? *options : sl_browser_options_default();
    const char *const given[] = {o.program, NULL};
    *out = NULL;
    char *program = sl_program_find(o.program ? given : programs);
    if (!program)
        return sl_fail(err, SL_ERR_UNSUPPORTED, "no Chromium: %s",
                       o.program ? o.program : "PATH has none of chromium, chromium-browser, google-chrome");
    struct sl_browser *b = sl_alloc_array(1, sizeof *b);
    if (!b) {
        free(program);
        return sl_fail(err, SL_ERR_MEMORY, "no memory for a browser");
    }
    b->child = (struct sl_child){.to = -1, .from = -1};
    sl_status status = launch(b, program, o.allow_hosts, err);
    sl_devtools_init(&b->devtools, b->child.to, b->child.from, o.start_timeout);
    b->devtools.event = on_event;
    b->devtools.user = b;
    b->screen = (struct sl_screen){.driver = &driver, .self = b};
    if (!status) status = sl_devtools_call(&b->devtools, "", "Browser.getVersion", NULL, NULL, err);
    if (!status) status = attach(b, err);
    if (!status) status = sl_browser_resize(b, &(struct sl_viewport){.width = 1280, .height = 800}, err);
    b->devtools.timeout = o.timeout;
    if (status) {
        status = sl_fail_context(err, status, "%s", program);
        sl_browser_free(&b);
    }
    free(program);
    *out = b;
    return status;
}

void sl_browser_free(struct sl_browser **browser)
{
    struct sl_browser *b = *browser;
    *browser = NULL;
    if (!b) return;
    /* A browser that ends by itself waits for its own children, which a killed one leaves to the system. */
    bool asked = false;
    if (!b->devtools.status && sl_child_alive(&b->child)) {
        b->devtools.timeout = 2;
        asked = sl_devtools_call(&b->devtools, "", "Browser.close", NULL, NULL, NULL) == SL_OK;
    }
    sl_child_end(&b->child, asked ? 2 : 0);
    sl_devtools_release(&b->devtools);
    json_decref(b->world);
    free(b);
}

struct sl_screen *sl_browser_screen(struct sl_browser *b)
{
    return &b->screen;
}

pid_t sl_browser_process(const struct sl_browser *b)
{
    return b->child.pid;
}

const char *sl_browser_folder(const struct sl_browser *b)
{
    return b->child.folder;
}

double sl_browser_seconds(const struct sl_browser *b)
{
    return sl_child_seconds(&b->child);
}

sl_status sl_browser_resize(struct sl_browser *b, const struct sl_viewport *v, sl_error *err)
{
    double scale = v->scale == 0 ? 1 : v->scale;
    if (v->width < 1 || v->height < 1 || v->width > 8192 || v->height > 8192 || !(scale >= 0.25 && scale <= 4))
        return sl_fail(err, SL_ERR_ARGUMENT, "a page of %d x %d at scale %g: 1 to 8192 pixels, scale 0.25 to 4",
                       v->width, v->height, v->scale);
    if (v->width == b->viewport.width && v->height == b->viewport.height && scale == b->viewport.scale &&
        v->phone == b->viewport.phone)
        return SL_OK;
    sl_status status = sl_browser_call(b, "Emulation.setDeviceMetricsOverride",
                                       json_pack("{s:i, s:i, s:f, s:b}", "width", v->width, "height", v->height,
                                                 "deviceScaleFactor", scale, "mobile", v->phone),
                                       NULL, err);
    if (status) return status;
    b->shown = false; /* a page that stands takes on another size when it likes, a new one at once */
    b->viewport = *v;
    b->viewport.scale = scale;
    b->screen.width = (int)lround(v->width * scale);
    b->screen.height = (int)lround(v->height * scale);
    return SL_OK;
}

sl_status sl_browser_open(struct sl_browser *b, const char *url, sl_error *err)
{
    json_t *answer;
    sl_status status = b->pointed ? sl_browser_park(b, err) : SL_OK;
    if (status) return status;
    b->loaded = false;
    b->shown = false;
    status = sl_browser_call(b, "Page.navigate", json_pack("{s:s}", "url", url), &answer, err);
    if (status) return status;
    const char *reason = json_string_value(json_object_get(answer, "errorText"));
    if (reason) {
        status = sl_fail(err, SL_ERR_IO, "cannot open %s: %s", url, reason);
        json_decref(answer);
        return status;
    }
    status = take_string(answer, "frameId", b->frame, err);
    return status ? status : sl_devtools_listen(&b->devtools, &b->loaded, b->devtools.timeout, err);
}

sl_status sl_browser_show(struct sl_browser *b, const char *html, size_t n, sl_error *err)
{
    /* Going to an empty page costs more than drawing a full one, so a shown page is replaced where it stands: that
     * takes its elements, its listeners and the focus away, and what is left of it is the pointer and how far it was
     * scrolled. */
    bool stay = b->shown;
    sl_status status = !stay ? sl_browser_open(b, "about:blank", err) : b->pointed ? sl_browser_park(b, err) : SL_OK;
    if (status) return status;
    json_t *text = json_stringn(html, n);
    if (!text) return sl_fail(err, SL_ERR_FORMAT, "a page that is not UTF-8");
    status = sl_browser_call(b, "Page.setDocumentContent", json_pack("{s:s, s:o}", "frameId", b->frame, "html", text),
                             NULL, err);
    if (!status && stay) status = sl_browser_scroll_to(b, 0, err);
    b->shown = !status;
    return status;
}

sl_status sl_browser_scripts(struct sl_browser *b, bool on, sl_error *err)
{
    return sl_browser_call(b, "Emulation.setScriptExecutionDisabled", json_pack("{s:b}", "value", !on), NULL, err);
}
