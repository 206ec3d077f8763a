/* Files that hold what nobody else may read, written as a whole. */
#ifndef MULTISOCK_PRIVATE_FILE_H
#define MULTISOCK_PRIVATE_FILE_H

#include <stdbool.h>
#include <stddef.h>

#pragma GCC visibility push(hidden)

/* Puts `size` bytes at `path`, readable by the user alone: into a new file
   beside it, which then takes its name, so that whoever reads finds the old
   bytes or the new ones; with `sync` they are on the disk then. 0, or errno; then
   `path` is as it was. */
int private_file_write(const char *path, const char *bytes, size_t size,
                       bool sync);

#pragma GCC visibility pop

#endif
