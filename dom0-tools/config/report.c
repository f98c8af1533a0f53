// SPDX-License-Identifier: GPL-2.0-only
/* Collects notes.  What they quote comes out of files that nobody has checked, so it is cut and
 * cleaned here, in one place.
 */
#include <stdarg.h>

#include "config/report.h"

static void add(struct config_report *report, const struct config_place *place, bool is_error,
                const char *format, va_list args)
{
    struct config_note *note;

    report->nr_errors += is_error;
    if (report->nr_notes == REPORT_MAX_NOTES) {
        report->nr_lost++;
        return;
    }
    note = &report->notes[report->nr_notes++];
    note->place = *place;
    note->is_error = is_error;
    vsnprintf(note->text, sizeof(note->text), format, args);
    for (char *c = note->text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == '\x7f')
            *c = '?';
}

void report_error(struct config_report *report, const struct config_place *place,
                  const char *format, ...)
{
    va_list args;

    va_start(args, format);
    add(report, place, true, format, args);
    va_end(args);
}

void report_warning(struct config_report *report, const struct config_place *place,
                    const char *format, ...)
{
    va_list args;

    va_start(args, format);
    add(report, place, false, format, args);
    va_end(args);
}

void report_print(const struct config_report *report, FILE *out, bool warnings)
{
    for (unsigned i = 0; i < report->nr_notes; i++) {
        const struct config_note *note = &report->notes[i];

        if (!note->is_error && !warnings)
            continue;
        fprintf(out, "%s:", note->place.source);
        if (note->place.line)
            fprintf(out, "%u:%u:", note->place.line, note->place.column);
        fprintf(out, " %s: %s\n", note->is_error ? "error" : "warning", note->text);
    }
    if (report->nr_lost)
        fprintf(out, "and %u more like these\n", report->nr_lost);
}
