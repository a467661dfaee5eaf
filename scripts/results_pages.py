"""The pages that scripts/results.py makes of docs/results/nano.json."""

import os

NOTES = "docs/results/notes.md"
BEGIN, END = "<!-- scores: scripts/results.py write -->", "<!-- end of scores -->"


def percent(x):
    return "-" if x is None else f"{100 * x:.1f}"


def grouping(n):
    return f"{n:,.0f}".replace(",", " ")


def table(head, rows):
    """A Markdown table; columns after the first are set right."""
    lines = ["| " + " | ".join(head) + " |", "|" + "|".join(["---"] + ["---:"] * (len(head) - 1)) + "|"]
    return "\n".join(lines + ["| " + " | ".join(str(c) for c in row) + " |" for row in rows]) + "\n"


def scores(line):
    """Model with its margin, blind, chance."""
    return [f"{percent(line['right'])} ± {percent(line['margin'])}", percent(line["blind"]), percent(line["chance"])]


def reached(bar):
    if not bar["questions"]:
        return "not asked"
    enough = 100 * bar["right"] >= bar["bar"]
    apart = bar["blind"] is None or 100 * (bar["right"] - bar["blind"]) >= 30
    return "yes" if enough and apart else "no, too near to blind" if enough else "no"


def bars(facts):
    rows = [
        [b["name"], b["questions"], *scores(b), b["bar"], reached(b)]
        for b in facts["exam"]["bars"]
    ]
    return table(["what", "questions", "model, %", "blind, %", "chance, %", "bar, %", "reached"], rows)


def levels(exam):
    rows = [[l["family"], l["level"], l["questions"], *scores(l)] for l in exam["levels"]]
    rows.append(["**all**", "", exam["all"]["questions"], *scores(exam["all"])])
    return table(["family", "level", "questions", "model, %", "blind, %", "chance, %"], rows)


def tasks(exam):
    rows = [[t["task"], t["questions"], *scores(t)] for t in exam["tasks"]]
    return table(["task", "questions", "model, %", "blind, %", "chance, %"], rows)


def hours(facts):
    return sum(s["hours"] for s in facts["stages"].values())


def measure(stage, run):
    """What a stage is measured by: its name, the first held-out check, the last."""
    for key, name in (("cosine", "cosine of hidden patches"), ("accuracy", "right, %"), ("loss", "loss")):
        if key in run["last"]:
            if stage.startswith("vit-con"):
                name = "caption found, %"
            scale = 100 if name.endswith("%") else 1
            return [name, f"{scale * run['first'].get(key, 0):.3g}", f"{scale * run['last'][key]:.3g}"]
    return ["-", "-", "-"]


def first_loss(run):
    both = run["first"].get("loss"), run["last"].get("loss")
    return ["-" if x is None else f"{x:.3f}" for x in both]


def stages(facts):
    rows = [
        [name, grouping(r["steps"]), f"{r['tokens'] / 1e6:.1f}", f"{r['hours']:.1f}", *measure(name, r), *first_loss(r)]
        for name, r in facts["stages"].items()
    ]
    head = ["stage", "steps", "tokens, M", "hours", "held-out measure", "first check", "last check"]
    text = table(head + ["loss, first", "loss, last"], rows)
    if facts.get("by_stage"):
        names = list(facts["by_stage"])
        families = sorted({f for s in names for f in facts["by_stage"][s]["families"]})
        pick = lambda s, f: facts["by_stage"][s]["families"].get(f, {}).get("right")
        rows = [[f] + [percent(pick(s, f)) for s in names] for f in families]
        rows.append(["**all**"] + [percent(facts["by_stage"][s]["all"]["right"]) for s in names])
        n = facts["by_stage"][names[0]]["all"]["questions"]
        text += f"\nThe same {n} questions of the exam to the model that each stage ended with, right in percent:\n\n"
        text += table(["family"] + [f"after {s}" for s in names], rows)
    return text


def curves(facts):
    return "\n".join(f"![{s}](results/{s}.png)" for s in facts["stages"]) + "\n"


def scaling(facts):
    runs = facts.get("scaling")
    if not runs:
        return "Not measured yet: `scripts/scaling.sh`.\n"
    rows = [
        [r["name"], f"{r['info']['parameters']['total'] / 1e6:.2f}", f"{r['info']['parameters']['active'] / 1e6:.2f}",
         grouping(r["steps"]), f"{r['tokens'] / 1e6:.2f}", f"{r['hours']:.2f}", f"{r['last'].get('loss', 0):.3f}",
         percent(r["last"].get("accuracy")), percent(r["last"].get("blind"))]
        for r in runs
    ]
    head = ["size", "parameters, M", "active, M", "steps", "tokens, M", "hours", "held-out loss", "right, %", "blind, %"]
    return table(head, rows) + "\n![scaling](results/scaling.png)\n"


def notes():
    if not os.path.exists(NOTES):
        return ""
    with open(NOTES) as f:
        return f.read()


def results(facts):
    exam = facts["exam"]
    think = ""
    if facts.get("think"):
        think = f"\nTold to think first, the model answers {percent(facts['think']['all']['right'])} % of "
        think += f"{facts['think']['all']['questions']} questions right.\n\n" + levels(facts["think"])
    interim = ""
    if not facts["shipped"]:
        interim = f"\n**These are numbers of a model in the making, examined after {facts['examined']}; its weights are not in the repository.**\n"
    return f"""# Results of seedling-nano
{interim}
Made by `scripts/results.py write` from [results/nano.json](results/nano.json), which `scripts/results.py collect` reads from the runs and
the records of `seedling eval`; `scripts/reproduce-nano.sh` does all of it. The exam is `recipes/data/exam.yaml`: {exam['all']['questions']} held-out
questions, which share no seed and not all styles, fonts and phrasings with what was trained on. *Model* is the share of right answers with half of its
95 % interval, *blind* the same model without the picture, *chance* a guess that knows the form of the answers
([EVALUATION.md](EVALUATION.md)).

## What was asked for
{bars(facts)}
{notes()}
## By family and level
Levels are those of [SYNTH.md](SYNTH.md), from easy (0) to hard.

{levels(exam)}{think}
## By task
{tasks(exam)}
## What each stage changed
{stages(facts)}
## Learning curves
The share of hidden patches' features that is found again (vit-mim), and the loss over steps of the others, `seedling plot`.

{curves(facts)}
## Size
Three widths on the same scenes, the same steps and batches (`scripts/scaling.sh`: minutes each, so it shows a direction and no law).

{scaling(facts)}"""


def card(facts):
    info, exam = facts["model"]["info"]["parameters"], facts["exam"]
    done = [f"{b['name']} {percent(b['right'])} % (blind {percent(b['blind'])} %)" for b in exam["bars"] if b["questions"]]
    missed = [b["name"] for b in exam["bars"] if b["questions"] and reached(b) != "yes"]
    spent = ", ".join(f"{n} {grouping(r['steps'])} steps / {r['tokens'] / 1e6:.1f} M tokens" for n, r in facts["stages"].items())
    return f"""# seedling-nano

A vision-language model of {info['total'] / 1e6:.1f} million parameters ({info['active'] / 1e6:.1f} million active for a token), trained from nothing by Seedling itself on
data that Seedling made. {facts['model']['bytes'] / 1e6:.1f} MB of bf16 weights. It exists to show that the whole pipeline works, and to let every command answer at once.

| | |
|---|---|
| architecture | Seed-ViT {info['vit'] / 1e6:.1f} M, adapter {info['adapter'] / 1e6:.2f} M, mixture-of-experts decoder {info['decoder'] / 1e6:.1f} M; [docs/MODEL.md](../../docs/MODEL.md) |
| data | made by the data engine alone: `scripts/nano-data.sh`, [docs/SYNTH.md](../../docs/SYNTH.md); no picture or text of the web, no other model |
| recipe | `recipes/nano/all.yaml`: {spent} |
| compute | {hours(facts):.1f} hours on two cores of a shared machine, no accelerator |
| scores | {'; '.join(done)} |
| examined on | {exam['all']['questions']} held-out questions of `recipes/data/exam.yaml`: {percent(exam['all']['right'])} % right, {percent(exam['all']['blind'])} % without the picture, {percent(exam['all']['chance'])} % by chance |
| made again by | `scripts/reproduce-nano.sh` |

## What it cannot do
- Anything outside what the data engine draws: photographs, people, places, handwriting, knowledge of the world. It will answer all the same, and wrongly.
- What was asked of it and not reached: {', '.join(missed) if missed else 'nothing'}. [docs/RESULTS.md](../../docs/RESULTS.md) has every number.
- Large pictures full of small things: it was trained on pictures of 112 to 336 pixels.
- `embed` and `locate`: it has no contrastive part; `runs/nano/vit-contrastive/model` of a run of your own has.

License: Apache 2.0, as the program. This page is made by `scripts/results.py write`.
"""


def with_scores(readme, facts):
    """The README with its table of scores made anew; without the markers it stays as it is."""
    if BEGIN not in readme:
        return readme
    head, rest = readme.split(BEGIN)
    tail = rest.split(END)[1]
    rows = [[b["name"], percent(b["right"]), percent(b["blind"])] for b in facts["exam"]["bars"] if b["questions"]]
    links = "Every number is in [docs/RESULTS.md](docs/RESULTS.md), with chance and by level; the model's card is "
    links += "[models/seedling-nano/README.md](models/seedling-nano/README.md).\n\n"
    return head + BEGIN + "\n## What the model that ships gets right\n" + links + table(["held-out questions", "right, %", "without the picture, %"], rows) + END + tail
