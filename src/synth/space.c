/*
 * space.c: the family of questions about depth: things on a ground before a camera that is known.
 */
#include "synth/families.h"
#include "synth/paint.h"
#include "synth/sample.h"
#include "synth/solid.h"

#include "text/answer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum task { NEARER, DEPTH, ORDER, BOX, GAP, IN_FRONT, N_TASKS };
static const char *const tasks[N_TASKS] = {"nearer", "depth", "order", "box3d", "gap", "in-front"};

enum { MAX_THINGS = 8, MAX_PARTS = 6, MAX_SOLIDS = MAX_THINGS * MAX_PARTS };

/* A part of a thing within the cube [-1, 1]^3 of its box, y down. */
struct part {
    sl_solid_kind kind;
    double at[3], half[3], taper;
    int dark; /* drawn in a darker tone */
};

struct kind {
    const char *name, *plural;
    double low[3], high[3]; /* sizes in metres: width, height, depth */
    bool round;             /* width = depth, and turning changes nothing */
    int n;
    struct part parts[MAX_PARTS];
};

static const struct kind kinds[] = {
    {"box", "boxes", {0.4, 0.3, 0.4}, {1.2, 1.0, 1.2}, false, 1, {{SL_SOLID_BOX, {0, 0, 0}, {1, 1, 1}, 1, 0}}},
    {"ball", "balls", {0.3, 0.3, 0.3}, {0.9, 0.9, 0.9}, true, 1, {{SL_SOLID_ELLIPSOID, {0, 0, 0}, {1, 1, 1}, 1, 0}}},
    {"cone",
     "cones",
     {0.4, 0.6, 0.4},
     {0.8, 1.2, 0.8},
     true,
     2,
     {{SL_SOLID_CONE, {0, -0.05, 0}, {0.75, 0.95, 0.75}, 0.1, 0}, {SL_SOLID_BOX, {0, 0.94, 0}, {1, 0.06, 1}, 1, 1}}},
    {"barrel", "barrels", {0.5, 0.8, 0.5}, {0.8, 1.1, 0.8}, true, 1, {{SL_SOLID_CONE, {0, 0, 0}, {1, 1, 1}, 1, 0}}},
    {"table",
     "tables",
     {0.9, 0.7, 0.7},
     {1.8, 0.8, 1.1},
     false,
     5,
     {{SL_SOLID_BOX, {0, -0.92, 0}, {1, 0.08, 1}, 1, 0},
      {SL_SOLID_BOX, {-0.9, 0.08, -0.9}, {0.07, 0.92, 0.1}, 1, 1},
      {SL_SOLID_BOX, {0.9, 0.08, -0.9}, {0.07, 0.92, 0.1}, 1, 1},
      {SL_SOLID_BOX, {-0.9, 0.08, 0.9}, {0.07, 0.92, 0.1}, 1, 1},
      {SL_SOLID_BOX, {0.9, 0.08, 0.9}, {0.07, 0.92, 0.1}, 1, 1}}},
    {"chair",
     "chairs",
     {0.42, 0.8, 0.42},
     {0.55, 1.0, 0.55},
     false,
     6,
     {{SL_SOLID_BOX, {0, 0.05, 0}, {1, 0.06, 1}, 1, 0},
      {SL_SOLID_BOX, {0, -0.5, 0.92}, {1, 0.5, 0.08}, 1, 0},
      {SL_SOLID_BOX, {-0.88, 0.55, -0.88}, {0.1, 0.45, 0.1}, 1, 1},
      {SL_SOLID_BOX, {0.88, 0.55, -0.88}, {0.1, 0.45, 0.1}, 1, 1},
      {SL_SOLID_BOX, {-0.88, 0.55, 0.88}, {0.1, 0.45, 0.1}, 1, 1},
      {SL_SOLID_BOX, {0.88, 0.55, 0.88}, {0.1, 0.45, 0.1}, 1, 1}}},
    {"lamp",
     "lamps",
     {0.4, 1.3, 0.4},
     {0.5, 1.8, 0.5},
     true,
     3,
     {{SL_SOLID_CONE, {0, -0.8, 0}, {1, 0.2, 1}, 0.55, 0},
      {SL_SOLID_CONE, {0, 0.15, 0}, {0.08, 0.8, 0.08}, 1, 1},
      {SL_SOLID_CONE, {0, 0.97, 0}, {0.6, 0.03, 0.6}, 1, 1}}},
    {"tree",
     "trees",
     {0.9, 1.6, 0.9},
     {1.6, 2.6, 1.6},
     true,
     3,
     {{SL_SOLID_CONE, {0, 0.7, 0}, {0.14, 0.3, 0.14}, 0.8, 1},
      {SL_SOLID_CONE, {0, -0.05, 0}, {1, 0.5, 1}, 0.25, 0},
      {SL_SOLID_CONE, {0, -0.6, 0}, {0.72, 0.4, 0.72}, 0.02, 0}}},
    {"person",
     "people",
     {0.45, 1.6, 0.35},
     {0.55, 1.85, 0.4},
     false,
     4,
     {{SL_SOLID_ELLIPSOID, {0, -0.85, 0}, {0.42, 0.15, 0.5}, 1, 1},
      {SL_SOLID_CONE, {0, -0.3, 0}, {1, 0.38, 1}, 0.8, 0},
      {SL_SOLID_CONE, {-0.35, 0.54, 0}, {0.28, 0.46, 0.4}, 1, 1},
      {SL_SOLID_CONE, {0.35, 0.54, 0}, {0.28, 0.46, 0.4}, 1, 1}}},
};

enum { N_KINDS = sizeof kinds / sizeof kinds[0] };

struct thing {
    int kind, colour;
    struct sl_box3d box;
    double distance; /* Z of its middle */
};

struct room {
    struct sl_view view;
    struct sl_solid solids[MAX_SOLIDS];
    struct thing things[MAX_THINGS];
    int n;
    double pitch; /* of the camera, downwards, radians */
};

/* Rz Ry Rx of a box's angles, columns being its axes (base/camera.h). */
static void turn_of(const struct sl_box3d *b, double turn[3][3])
{
    double corners[8][3];
    sl_box3d_corners(b, corners);
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < 3; i++) turn[i][k] = (corners[1 << k][i] - corners[0][i]) / b->size[k];
}

/* The angles of a thing turned by yaw on the ground, seen by a camera that looks down by pitch: Rx(pitch) Ry(yaw). */
static void set_angles(double pitch, double yaw, double angles[3])
{
    double c = cos(pitch), s = sin(pitch), cy = cos(yaw), sy = sin(yaw);
    const double m[3][3] = {{cy, 0, sy}, {s * sy, c, -s * cy}, {-c * sy, s, c * cy}};
    angles[0] = atan2(m[2][1], m[2][2]) / M_PI;
    angles[1] = asin(fmax(-1, fmin(1, -m[2][0]))) / M_PI;
    angles[2] = atan2(m[1][0], m[0][0]) / M_PI;
}

static void add_solids(struct room *room, const struct thing *t, int object)
{
    int n_colours, n_basic;
    const struct sl_colour *c = &sl_colours(&n_colours, &n_basic)[t->colour];
    const struct kind *k = &kinds[t->kind];
    double turn[3][3];
    turn_of(&t->box, turn);
    for (int i = 0; i < k->n; i++) {
        struct sl_solid *s = &room->solids[room->view.n_solids++];
        double tone = k->parts[i].dark ? 0.6 : 1;
        *s = (struct sl_solid){.kind = k->parts[i].kind, .taper = k->parts[i].taper, .object = object};
        memcpy(s->turn, turn, sizeof turn);
        for (int a = 0; a < 3; a++) {
            s->half[a] = k->parts[i].half[a] * t->box.size[a] / 2;
            s->centre[a] = t->box.center[a];
            for (int b = 0; b < 3; b++) s->centre[a] += turn[a][b] * k->parts[i].at[b] * t->box.size[b] / 2;
        }
        const double rgb[3] = {c->r, c->g, c->b};
        for (int a = 0; a < 3; a++) s->surface.colour[a] = s->surface.second[a] = rgb[a] * tone;
    }
}

/* Places a thing on the ground at (x, forward), in level coordinates, then turns it into the camera's. */
static void place(struct room *room, struct thing *t, double x, double forward, double yaw)
{
    double y = room->view.above - t->box.size[1] / 2, c = cos(room->pitch), s = sin(room->pitch);
    t->box.center[0] = x;
    t->box.center[1] = y * c - forward * s;
    t->box.center[2] = y * s + forward * c;
    t->distance = t->box.center[2];
    set_angles(room->pitch, kinds[t->kind].round ? 0 : yaw, t->box.angles);
}

/* Numbers as they are written are the numbers that are drawn: two decimals. */
static void round_box(struct sl_box3d *b)
{
    for (int k = 0; k < 3; k++) {
        b->center[k] = round(b->center[k] * 100) / 100;
        b->size[k] = round(b->size[k] * 100) / 100;
        b->angles[k] = round(b->angles[k] * 100) / 100;
    }
}

static bool is_in_picture(const struct room *room, const struct sl_box3d *b)
{
    double corners[8][3], pixel[2];
    sl_box3d_corners(b, corners);
    for (int i = 0; i < 8; i++)
        if (!sl_camera_project(&room->view.camera, corners[i], pixel) || pixel[0] < 2 || pixel[1] < 2 ||
            pixel[0] > room->view.width - 2 || pixel[1] > room->view.height - 2)
            return false;
    return true;
}

static bool add_thing(const struct sl_synth_request *r, struct room *room)
{
    int n_colours, n_basic;
    sl_colours(&n_colours, &n_basic);
    struct thing *t = &room->things[room->n];
    *t = (struct thing){.kind = sl_synth_int(r, 0, N_KINDS - 1), .colour = sl_synth_int(r, 0, n_basic - 1)};
    const struct kind *k = &kinds[t->kind];
    for (int a = 0; a < 3; a++) t->box.size[a] = sl_synth_real(r, k->low[a], k->high[a]);
    if (k->round) t->box.size[2] = t->box.size[0];
    if (k->n == 1 && k->round && k->parts[0].kind == SL_SOLID_ELLIPSOID) t->box.size[1] = t->box.size[0];
    double forward = sl_synth_real(r, 2, 6 + 2 * r->level), x = sl_synth_real(r, -0.6, 0.6) * forward;
    place(room, t, x, forward, sl_synth_real(r, -0.5, 0.5) * M_PI);
    round_box(&t->box);
    t->distance = t->box.center[2];
    for (int i = 0; i < room->n; i++) {
        const struct thing *o = &room->things[i];
        double dx = o->box.center[0] - t->box.center[0], dz = o->box.center[2] - t->box.center[2];
        double apart = (hypot(o->box.size[0], o->box.size[2]) + hypot(t->box.size[0], t->box.size[2])) / 2;
        if (hypot(dx, dz) < apart || (o->kind == t->kind && o->colour == t->colour)) return false;
    }
    if (!is_in_picture(room, &t->box)) return false;
    room->n++;
    return true;
}

static void draw_room(const struct sl_synth_request *r, struct room *room)
{
    static const double grounds[8][2][3] = {
        {{0.72, 0.68, 0.6}, {0.62, 0.58, 0.5}},  {{0.45, 0.6, 0.35}, {0.4, 0.55, 0.3}},
        {{0.6, 0.6, 0.62}, {0.7, 0.7, 0.72}},    {{0.75, 0.6, 0.45}, {0.68, 0.53, 0.38}},
        {{0.85, 0.85, 0.85}, {0.4, 0.4, 0.42}},  {{0.55, 0.5, 0.65}, {0.5, 0.45, 0.6}},
        {{0.85, 0.78, 0.6}, {0.82, 0.74, 0.55}}, {{0.5, 0.62, 0.68}, {0.45, 0.57, 0.63}}};
    static const double skies[4][2][3] = {{{0.45, 0.65, 0.92}, {0.85, 0.9, 0.97}},
                                          {{0.8, 0.8, 0.84}, {0.92, 0.92, 0.93}},
                                          {{0.95, 0.7, 0.5}, {1, 0.9, 0.75}},
                                          {{0.88, 0.85, 0.78}, {0.95, 0.93, 0.88}}};
    int wanted = sl_synth_int(r, 2 + r->level / 2, 3 + r->level), style = sl_synth_choose(r, 8),
        sky = sl_synth_choose(r, 4);
    *room = (struct room){.pitch = sl_synth_real(r, 0.1, r->level ? 0.45 : 0.25)};
    struct sl_view *v = &room->view;
    v->width = r->width ? r->width : 336;
    v->height = r->height ? r->height : 336;
    v->camera = sl_camera_default(v->width, v->height);
    if (r->level) { /* other lenses than the one that is assumed */
        v->camera.fx = v->camera.fy = round(v->width / (2 * tan(sl_synth_real(r, 0.42, 0.62))));
    }
    v->above = round(sl_synth_real(r, 1.2, 2.4) * 100) / 100;
    v->up[1] = -cos(room->pitch);
    v->up[2] = -sin(room->pitch);
    double a = sl_synth_real(r, 0, 2 * M_PI), high = sl_synth_real(r, 0.7, 1.2);
    const double level_sun[3] = {cos(a) * cos(high), -sin(high), sin(a) * cos(high)};
    v->sun[0] = level_sun[0];
    v->sun[1] = level_sun[1] * cos(room->pitch) - level_sun[2] * sin(room->pitch);
    v->sun[2] = level_sun[1] * sin(room->pitch) + level_sun[2] * cos(room->pitch);
    memcpy(v->ground.colour, grounds[style][0], sizeof v->ground.colour);
    memcpy(v->ground.second, grounds[style][1], sizeof v->ground.second);
    v->ground.period = sl_synth_chance(r, 0.7) ? sl_synth_real(r, 0.3, 1.2) : 0;
    memcpy(v->sky, skies[sky], sizeof v->sky);
    for (int attempt = 0; room->n < wanted && attempt < 400; attempt++) add_thing(r, room);
    for (int i = 0; i < room->n; i++) add_solids(room, &room->things[i], i + 1);
    v->solids = room->solids;
}

/* --- questions -------------------------------------------------------------------------------------------------------
 */

struct question {
    const struct sl_synth_request *r;
    struct sl_synth_sample *out;
    struct room room;
    struct sl_depth_map map;
};

static const char *name_of(const struct question *q, int i, char out[64])
{
    int n, basic;
    snprintf(out, 64, "%s %s", sl_colours(&n, &basic)[q->room.things[i].colour].name,
             kinds[q->room.things[i].kind].name);
    return out;
}

/* A pixel of thing i whose neighbours are its too. */
static bool pixel_of(const struct question *q, int i, int *x, int *y)
{
    int w = q->room.view.width, h = q->room.view.height;
    for (int attempt = 0; attempt < 20000; attempt++) {
        *x = sl_synth_int(q->r, 3, w - 4);
        *y = sl_synth_int(q->r, 3, h - 4);
        bool inside = true;
        for (int k = 0; k < 9; k++)
            inside =
                inside &&
                q->map.object[(size_t)(*y + 3 * (k / 3 - 1)) * (size_t)w + (size_t)(*x + 3 * (k % 3 - 1))] == i + 1;
        if (inside) return true;
    }
    return false;
}

static double depth_at(const struct question *q, int x, int y)
{
    return q->map.depth[(size_t)y * (size_t)q->room.view.width + (size_t)x];
}

static void say_camera(struct question *q)
{
    const struct sl_view *v = &q->room.view;
    const struct sl_camera *c = &v->camera;
    sl_synth_user(
        q->out,
        "Camera: fx = %.1f, fy = %.1f, cx = %.1f, cy = %.1f, picture %d x %d pixels, no distortion. "
        "K = [[%.1f, 0, %.1f], [0, %.1f, %.1f], [0, 0, 1]]. X points right, Y down, Z forward; the camera frame is the "
        "world frame; metres. ",
        c->fx, c->fy, c->cx, c->cy, v->width, v->height, c->fx, c->cx, c->fy, c->cy);
}

static int coordinate(int pixel, int size)
{
    return sl_coordinate_from_pixel(pixel + 0.5, size);
}

static bool ask_nearer(struct question *q)
{
    static const char *const forms[] = {"Which point is closer to the camera?", "Which of both points is nearer?",
                                        "Is point1 or point2 closer to the viewer?",
                                        "Which point has the smaller depth?", NULL};
    static const double gaps[] = {1.5, 1.3, 1.2, 1.12};
    int a = sl_synth_int(q->r, 0, q->room.n - 1), b = (a + sl_synth_int(q->r, 1, q->room.n - 1)) % q->room.n, x1, y1,
        x2, y2;
    if (!pixel_of(q, a, &x1, &y1) || !pixel_of(q, b, &x2, &y2)) return false;
    double d1 = depth_at(q, x1, y1), d2 = depth_at(q, x2, y2);
    if (fmax(d1, d2) / fmin(d1, d2) < gaps[q->r->level]) return false;
    const char *answer = d1 < d2 ? "point1" : "point2";
    int w = q->room.view.width, h = q->room.view.height;
    sl_synth_user(q->out, "point1: <point>%d %d</point>, point2: <point>%d %d</point>. %s Answer point1 or point2.",
                  coordinate(x1, w), coordinate(y1, h), coordinate(x2, w), coordinate(y2, h),
                  sl_synth_phrase(q->r, forms));
    char n1[64], n2[64];
    sl_synth_think(q->out, "point1 is on the %s, about %.1f meters away; point2 on the %s, about %.1f meters away.",
                   name_of(q, a, n1), d1, name_of(q, b, n2), d2);
    sl_synth_answer(q->out, "%s", answer);
    sl_synth_truth(q->out, "checker", json_string("exact"));
    sl_synth_truth(q->out, "answer", json_string(answer));
    sl_synth_truth(q->out, "chance", json_real(0.5));
    sl_synth_truth(q->out, "depths", json_pack("[f,f]", d1, d2));
    return true;
}

static bool ask_depth(struct question *q)
{
    static const char *const forms[] = {"What is the depth (Z) at this point, in meters:",
                                        "How far from the camera, along its viewing direction, is the object at",
                                        "Give the absolute distance along Z of what is seen at",
                                        "Estimate the depth in meters of the surface at", NULL};
    int i = sl_synth_int(q->r, 0, q->room.n - 1), x, y;
    if (!pixel_of(q, i, &x, &y)) return false;
    double d = round(depth_at(q, x, y) * 100) / 100;
    char name[64];
    say_camera(q);
    sl_synth_user(q->out, "%s <point>%d %d</point>? Answer like: 1.08 meters.", sl_synth_phrase(q->r, forms),
                  coordinate(x, q->room.view.width), coordinate(y, q->room.view.height));
    sl_synth_think(q->out, "The point lies on the %s, whose middle is at Z = %.2f.", name_of(q, i, name),
                   q->room.things[i].distance);
    sl_synth_answer(q->out, "%.2f meters", d);
    sl_synth_truth(q->out, "checker", json_string("number"));
    sl_synth_truth(q->out, "answer", json_real(d));
    sl_synth_truth(q->out, "tolerance", json_real(0.1));
    sl_synth_truth(q->out, "chance", json_real(0.15));
    return true;
}

static bool ask_order(struct question *q)
{
    static const char *const forms[] = {"Name the objects from near to far.",
                                        "Order the objects by their distance, nearest first.",
                                        "List all objects, beginning with the closest.",
                                        "Which objects are there, from the nearest to the farthest?", NULL};
    int order[MAX_THINGS];
    for (int i = 0; i < q->room.n; i++) order[i] = i;
    for (int i = 1; i < q->room.n; i++)
        for (int k = i; k > 0 && q->room.things[order[k]].distance < q->room.things[order[k - 1]].distance; k--) {
            int t = order[k];
            order[k] = order[k - 1];
            order[k - 1] = t;
        }
    for (int i = 1; i < q->room.n; i++)
        if (q->room.things[order[i]].distance < 1.12 * q->room.things[order[i - 1]].distance) return false;
    char name[64];
    struct sl_buf b = SL_BUF_INIT(1024);
    sl_synth_user(q->out, "%s Give colour and kind, separated by commas.", sl_synth_phrase(q->r, forms));
    for (int i = 0; i < q->room.n; i++) {
        name_of(q, order[i], name);
        sl_buf_addf(&b, "%s%s", i ? ", " : "", name);
        sl_synth_think(q->out, "%s: about %.1f meters. ", name, q->room.things[order[i]].distance);
    }
    sl_synth_answer(q->out, "%s", sl_buf_str(&b));
    sl_synth_truth(q->out, "checker", json_string("exact"));
    sl_synth_truth(q->out, "answer", json_string(sl_buf_str(&b)));
    sl_buf_release(&b);
    return true;
}

static bool ask_box(struct question *q)
{
    int kind = q->room.things[sl_synth_int(q->r, 0, q->room.n - 1)].kind;
    json_t *boxes = json_array();
    struct sl_buf b = SL_BUF_INIT(4096);
    say_camera(q);
    if (sl_synth_chance(q->r, 0.5))
        sl_synth_user(q->out, "Detect every %s and give its 3D box", kinds[kind].name);
    else
        sl_synth_user(q->out, "Where in space are the %s? Give a 3D box for each", kinds[kind].plural);
    sl_synth_user(q->out, " as <3dbbox>x y z x_size y_size z_size pitch yaw roll</3dbbox>, angles in half turns.");
    for (int i = 0; i < q->room.n; i++) {
        const struct sl_box3d *box = &q->room.things[i].box;
        if (q->room.things[i].kind != kind) continue;
        if (b.len) sl_buf_addch(&b, '\n');
        if (sl_answer_print_box3d(box, &b, NULL))
            sl_synth_fail(q->out, SL_ERR_ARGUMENT, "a box that cannot be written");
        json_array_append_new(boxes, json_pack("[f,f,f,f,f,f,f,f,f]", box->center[0], box->center[1], box->center[2],
                                               box->size[0], box->size[1], box->size[2], box->angles[0], box->angles[1],
                                               box->angles[2]));
    }
    sl_synth_answer(q->out, "%s", sl_buf_str(&b));
    sl_synth_truth(q->out, "checker", json_string("boxes3d"));
    sl_synth_truth(q->out, "answer", boxes);
    sl_synth_truth(q->out, "threshold", json_real(0.5));
    sl_buf_release(&b);
    return true;
}

static bool ask_gap(struct question *q)
{
    int a = sl_synth_int(q->r, 0, q->room.n - 1), b = (a + sl_synth_int(q->r, 1, q->room.n - 1)) % q->room.n;
    const double *p = q->room.things[a].box.center, *o = q->room.things[b].box.center;
    double d = sqrt((p[0] - o[0]) * (p[0] - o[0]) + (p[1] - o[1]) * (p[1] - o[1]) + (p[2] - o[2]) * (p[2] - o[2]));
    char n1[64], n2[64];
    say_camera(q);
    sl_synth_user(q->out, "How far apart are the middles of the %s and the %s, in meters?", name_of(q, a, n1),
                  name_of(q, b, n2));
    sl_synth_think(q->out, "The %s is at (%.2f, %.2f, %.2f) and the %s at (%.2f, %.2f, %.2f).", n1, p[0], p[1], p[2],
                   n2, o[0], o[1], o[2]);
    sl_synth_answer(q->out, "%.2f meters", d);
    sl_synth_truth(q->out, "checker", json_string("number"));
    sl_synth_truth(q->out, "answer", json_real(round(d * 100) / 100));
    sl_synth_truth(q->out, "tolerance", json_real(0.15));
    sl_synth_truth(q->out, "chance", json_real(0.2));
    return true;
}

static bool ask_in_front(struct question *q)
{
    int a = sl_synth_int(q->r, 0, q->room.n - 1), b = (a + sl_synth_int(q->r, 1, q->room.n - 1)) % q->room.n;
    double d1 = q->room.things[a].distance, d2 = q->room.things[b].distance;
    if (fmax(d1, d2) / fmin(d1, d2) < 1.15) return false;
    bool front = sl_synth_chance(q->r, 0.5), yes = (d1 < d2) == front;
    char n1[64], n2[64];
    sl_synth_user(q->out, "Is the %s %s the %s, seen from the camera?", name_of(q, a, n1),
                  front ? "closer than" : "farther away than", name_of(q, b, n2));
    sl_synth_think(q->out, "The %s is about %.1f meters away and the %s about %.1f meters.", n1, d1, n2, d2);
    sl_synth_answer(q->out, "%s", yes ? "Yes" : "No");
    sl_synth_truth(q->out, "checker", json_string("yes-no"));
    sl_synth_truth(q->out, "answer", json_string(yes ? "yes" : "no"));
    sl_synth_truth(q->out, "chance", json_real(0.5));
    return true;
}

/* Enough of every thing is seen. */
static bool all_seen(const struct question *q)
{
    for (int i = 1; i <= q->room.n; i++)
        if (q->map.seen[i] < 60 || q->map.seen[i] < 0.5 * q->map.alone[i]) return false;
    return q->room.n >= 2;
}

static bool (*const asks[N_TASKS])(struct question *) = {ask_nearer, ask_depth, ask_order,
                                                         ask_box,    ask_gap,   ask_in_front};

static void start_again(struct sl_synth_sample *out)
{
    sl_synth_sample_release(out);
    sl_synth_sample_init(out);
}

/*
 * Draws rooms until one fits the task: *q then holds it and its map, which the caller releases, and numbers, from which
 * its question follows. out is used up on the way.
 */
static sl_status settle(const struct sl_synth_request *r, struct question *q, struct sl_rng *numbers, sl_error *err)
{
    for (int attempt = 0; attempt < 60; attempt++) {
        draw_room(r, &q->room);
        q->room.view.solids = q->room.solids;
        if (q->room.n < 2) continue;
        sl_status status = sl_view_measure(&q->room.view, &q->map, err);
        if (status) return status;
        *numbers = *r->rng;
        bool asked = all_seen(q) && asks[r->task](q);
        start_again(q->out);
        if (asked) return SL_OK;
        sl_depth_map_release(&q->map);
    }
    return sl_fail(err, SL_ERR_ARGUMENT, "no scene in space of %dx%d pixels fits the task \"%s\"", r->width, r->height,
                   tasks[r->task]);
}

static sl_status make(void *state, const struct sl_synth_request *r, struct sl_synth_sample *out, sl_error *err)
{
    struct question q = {.r = r, .out = out};
    struct sl_picture picture;
    struct sl_rng numbers;
    (void)state;
    sl_status status = settle(r, &q, &numbers, err);
    if (status) return status;
    status = sl_view_draw(&q.room.view, &picture, err);
    if (!status) {
        /* The question was asked to see whether it fits; the picture comes before it in the message. */
        *r->rng = numbers;
        sl_synth_picture(out, &picture, SL_SYNTH_JPEG, 92);
        sl_picture_free(&picture);
        asks[r->task](&q);
        status = out->status;
        if (status && err) *err = out->error;
    }
    sl_depth_map_release(&q.map);
    return status;
}

/* --- validating --------------------------------------------------------------------------------------------------- */

/* Whether a second measuring, of thing i alone, finds every point of its surface in its box and some near a side of
 * each axis. */
static sl_status validate_box(const struct room *room, int i, sl_error *err)
{
    const struct sl_box3d *b = &room->things[i].box;
    struct sl_solid own[MAX_SOLIDS];
    struct sl_view v = room->view;
    struct sl_depth_map map;
    double corners[8][3], reach[3] = {0, 0, 0}, far = 0;
    v.n_solids = 0;
    v.solids = own;
    for (int k = 0; k < room->view.n_solids; k++)
        if (room->solids[k].object == i + 1) own[v.n_solids++] = room->solids[k];
    sl_status status = sl_view_measure(&v, &map, err);
    if (status) return status;
    sl_box3d_corners(b, corners);
    for (int y = 0; y < v.height; y++)
        for (int x = 0; x < v.width; x++) {
            double z = map.depth[(size_t)y * (size_t)v.width + (size_t)x];
            const double p[3] = {(x + 0.5 - v.camera.cx) / v.camera.fx * z, (y + 0.5 - v.camera.cy) / v.camera.fy * z,
                                 z};
            far = fmax(far, z);
            for (int k = 0; k < 3 && z > 0; k++) {
                double along = 0;
                for (int a = 0; a < 3; a++)
                    along += (p[a] - b->center[a]) * (corners[1 << k][a] - corners[0][a]) / b->size[k];
                reach[k] = fmax(reach[k], fabs(along) / (b->size[k] / 2));
            }
        }
    sl_depth_map_release(&map);
    for (int k = 0; k < 3 && !status; k++)
        if (reach[k] > 1.01 || reach[k] < 0.9 - 2 * far / v.camera.fx / (b->size[k] / 2)) /* two pixels from the side */
            status = sl_fail(err, SL_ERR_FORMAT, "the %s's surface goes to %.3f of the %c side of its box",
                             kinds[room->things[i].kind].name, reach[k], 'x' + k);
    return status;
}

/* Whether the boxes of a truth are those of things in the room. */
static sl_status validate_promised(const struct room *room, const json_t *boxes, sl_error *err)
{
    for (size_t k = 0; k < json_array_size(boxes); k++) {
        const json_t *row = json_array_get(boxes, k);
        bool found = false;
        for (int i = 0; i < room->n && !found; i++) {
            const struct sl_box3d *b = &room->things[i].box;
            found = true;
            for (size_t a = 0; a < 3; a++)
                found = found && json_number_value(json_array_get(row, a)) == b->center[a] &&
                        json_number_value(json_array_get(row, 3 + a)) == b->size[a] &&
                        json_number_value(json_array_get(row, 6 + a)) == b->angles[a];
        }
        if (!found) return sl_fail(err, SL_ERR_FORMAT, "box %zu of the truth is no thing's", k);
    }
    return SL_OK;
}

/* Whether rays through the points of the question meet what the answer says. */
static sl_status validate_points(const struct room *room, const struct sl_synth_sample *s, bool nearer, sl_error *err)
{
    struct sl_buf text = SL_BUF_INIT(1 << 16);
    struct sl_answer a = {0};
    double z[2] = {0, 0};
    int object;
    const json_t *answer = json_object_get(s->truth, "answer");
    sl_synth_message_text(s, sl_synth_last_message(s, SL_SYNTH_USER), false, &text);
    sl_status status = sl_answer_parse(sl_buf_str(&text), text.len, 0, &a, err);
    for (size_t i = 0; i < 2 && i < a.n_points && !status; i++)
        z[i] = sl_view_cast(&room->view, sl_coordinate_to_pixel(a.points[i].x, room->view.width),
                            sl_coordinate_to_pixel(a.points[i].y, room->view.height), &object);
    bool right = nearer ? a.n_points == 2 && (z[0] < z[1]) == (strcmp(json_string_value(answer), "point1") == 0)
                        : a.n_points == 1 && fabs(z[0] - json_number_value(answer)) < 0.05 * z[0];
    if (!status && !right)
        status = sl_fail(err, SL_ERR_FORMAT, "rays through the points of the question go %.2f and %.2f m", z[0], z[1]);
    sl_answer_release(&a);
    sl_buf_release(&text);
    return status;
}

static sl_status validate(void *state, const struct sl_synth_request *r, const struct sl_synth_sample *s, sl_error *err)
{
    struct sl_synth_sample scratch;
    struct question q = {.r = r, .out = &scratch};
    struct sl_rng numbers;
    (void)state;
    sl_synth_sample_init(&scratch);
    sl_status status = settle(r, &q, &numbers, err);
    for (int i = 0; i < q.room.n && !status; i++) status = validate_box(&q.room, i, err);
    if (!status && r->task == BOX) status = validate_promised(&q.room, json_object_get(s->truth, "answer"), err);
    if (!status && (r->task == NEARER || r->task == DEPTH))
        status = validate_points(&q.room, s, r->task == NEARER, err);
    sl_depth_map_release(&q.map);
    sl_synth_sample_release(&scratch);
    return status;
}

const struct sl_synth_family sl_family_space = {
    .name = "space",
    .title = "depth, distances and boxes in space before a known camera",
    .tasks = tasks,
    .n_tasks = N_TASKS,
    .n_levels = 4,
    .make = make,
    .validate = validate,
};
