#ifndef CCONSOLE_H
#define CCONSOLE_H

#include <stddef.h>
#include <stdint.h>

/// A file of the page that people see in a browser.
typedef struct {
    /// Without a folder: `main.js`.
    const char *name;
    const uint8_t *bytes;
    size_t count;
} hebb_console_file;

/// How many files there are.
size_t hebb_console_count(void);

/// One of them, `index` being below the count. Lives as long as the program.
hebb_console_file hebb_console_at(size_t index);

#endif
