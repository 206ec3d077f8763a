/* See private_file.h. */
#include "private_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int write_all(int fd, const char *bytes, size_t size)
{
  while (size > 0) {
    ssize_t done = write(fd, bytes, size);
    if (done < 0 && errno != EINTR)
      return errno;
    if (done > 0) {
      bytes += done;
      size -= (size_t)done;
    }
  }
  return 0;
}

int private_file_write(const char *path, const char *bytes, size_t size,
                       bool sync)
{
  static const char suffix[] = ".XXXXXX";
  size_t length = strlen(path);
  char *beside = malloc(length + sizeof suffix);
  int fd, failed;
  if (beside == NULL)
    return ENOMEM;
  memcpy(beside, path, length);
  memcpy(beside + length, suffix, sizeof suffix);
  fd = mkstemp(beside); /* mode 0600 */
  if (fd < 0) {
    failed = errno;
    free(beside);
    return failed;
  }
  (void)fcntl(fd, F_SETFD, FD_CLOEXEC); /* cannot fail on an open one */
  failed = write_all(fd, bytes, size);
  if (failed == 0 && sync && fsync(fd) != 0)
    failed = errno;
  if (close(fd) != 0 && failed == 0)
    failed = errno;
  if (failed == 0 && rename(beside, path) != 0)
    failed = errno;
  if (failed != 0)
    (void)unlink(beside);
  free(beside);
  return failed;
}
