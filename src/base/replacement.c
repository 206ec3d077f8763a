/* See replacement.h. */
#include "replacement.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

/* How many links are followed, and how many names tried. */
#define MOST_LINKS 40
#define MOST_NAMES 100

/* Of the name of the file, so that another with a suffix is not too long. */
#define MOST_NAME 200

#define SUFFIX_SIZE 6

/* How much of a path is its folder, with the last "/". */
static size_t folder_size(const char *path)
{
  const char *slash = strrchr(path, '/');
  return slash == NULL ? 0 : (size_t)(slash - path) + 1;
}

/* `size` bytes of a path, and another text. NULL: out of memory. */
static char *join(const char *path, size_t size, const char *text)
{
  char *joined = malloc(size + strlen(text) + 1);
  if (joined != NULL) {
    memcpy(joined, path, size);
    strcpy(joined + size, text);
  }
  return joined;
}

/* Whether the names beside this one are not files but ways to devices and open
   descriptors: what a link there leads to is not what it is. */
static bool is_among_devices(const char *path)
{
  char *folder = join(path, folder_size(path), "."), *real;
  bool is;
  real = folder != NULL ? realpath(folder, NULL) : NULL;
  is = real != NULL &&
       (strcmp(real, "/dev") == 0 || strncmp(real, "/proc/", 6) == 0);
  free(folder);
  free(real);
  return is;
}

/* Replaces the path of a link by what it says. 0, or errno. */
static int follow(char **path)
{
  char text[PATH_MAX];
  char *next;
  ssize_t size = readlink(*path, text, sizeof text - 1);
  if (size < 0)
    return errno;
  text[size] = '\0';
  next = join(*path, text[0] == '/' ? 0 : folder_size(*path), text);
  if (next == NULL)
    return ENOMEM;
  free(*path);
  *path = next;
  return 0;
}

/* Of the name of one of our own descriptors, such as /dev/stdout, its number; else
   -1. Opened by its name it would begin to write at its start. */
static int descriptor_of(const char *path)
{
  char own[64], *at = join(path, strlen(path), "");
  int i, found = -1;
  (void)snprintf(own, sizeof own, "/proc/%ld/fd", (long)getpid());
  for (i = 0; i < MOST_LINKS && at != NULL && found < 0; i++) {
    char *folder = join(at, folder_size(at), "."), *real;
    real = folder != NULL ? realpath(folder, NULL) : NULL;
    if (real != NULL && strcmp(real, own) == 0)
      found = atoi(at + folder_size(at));
    free(folder);
    free(real);
    if (found < 0 && follow(&at) != 0)
      break;
  }
  free(at);
  return found;
}

static int open_in_place(const char *path)
{
  int fd = descriptor_of(path);
  if (fd >= 0)
    return fcntl(fd, F_DUPFD_CLOEXEC, 0);
  return open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
}

/* Follows the links of `path`. `there` gets the status of what is there,
   st_mode 0 when there is nothing; `in_place`: it is not to be replaced. 0, or
   errno. */
static int resolve(char **path, bool follows, struct stat *there,
                   bool *in_place)
{
  int i, failed;
  *in_place = false;
  for (i = 0; i < MOST_LINKS; i++) {
    memset(there, 0, sizeof *there);
    if (lstat(*path, there) != 0)
      return errno == ENOENT ? 0 : errno;
    if (S_ISDIR(there->st_mode))
      return EISDIR;
    *in_place = !S_ISREG(there->st_mode) &&
                (!S_ISLNK(there->st_mode) || is_among_devices(*path));
    if (*in_place || S_ISREG(there->st_mode) || !follows)
      return 0;
    failed = follow(path);
    if (failed != 0)
      return failed;
  }
  return ELOOP;
}

/* Who may not write to the file may not replace it either. */
static int check_writable(const char *path, const struct stat *there)
{
  if (!S_ISREG(there->st_mode) ||
      faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0)
    return 0;
  return errno;
}

/* The mode of the file that is there, and its owner where we may. 0, or errno. */
static int keep_mode(int fd, const struct stat *there)
{
  mode_t mode = there->st_mode & 07777;
  if (!S_ISREG(there->st_mode))
    return 0;
  if (fchown(fd, there->st_uid, there->st_gid) != 0)
    mode &= 0777; /* it is ours: it must not run as theirs */
  return fchmod(fd, mode) == 0 ? 0 : errno;
}

/* Makes a new file beside `path`: a descriptor; or -1, with errno. */
static int make_beside(const char *path, char **beside, mode_t mode)
{
  static const char digits[] = "abcdefghijklmnopqrstuvwxyz012345";
  size_t length = strlen(path), folder = folder_size(path);
  unsigned char bytes[SUFFIX_SIZE];
  char *suffix;
  int i, j, fd = -1;
  if (length > folder + MOST_NAME)
    length = folder + MOST_NAME;
  *beside = join(path, length, ".XXXXXX");
  if (*beside == NULL) {
    errno = ENOMEM;
    return -1;
  }
  suffix = *beside + length + 1;
  for (i = 0; i < MOST_NAMES && fd < 0; i++) {
    if (uv_random(NULL, NULL, bytes, sizeof bytes, 0, NULL) != 0) {
      errno = EIO;
      break;
    }
    for (j = 0; j < SUFFIX_SIZE; j++)
      suffix[j] = digits[bytes[j] % 32];
    fd = open(*beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
              mode);
    if (fd < 0 && errno != EEXIST)
      break;
  }
  return fd;
}

static void forget_names(Replacement *file)
{
  free(file->beside);
  free(file->path);
  file->beside = file->path = NULL;
}

static int begin(Replacement *file, bool is_private)
{
  struct stat there;
  bool in_place;
  int failed = resolve(&file->path, !is_private, &there, &in_place);
  if (failed != 0)
    return failed;
  if (in_place) {
    file->fd = open_in_place(file->path);
    return file->fd < 0 ? errno : 0;
  }
  failed = is_private ? 0 : check_writable(file->path, &there);
  if (failed != 0)
    return failed;
  file->fd = make_beside(file->path, &file->beside, is_private ? 0600 : 0666);
  if (file->fd < 0) {
    failed = errno;
    free(file->beside); /* nothing of ours has this name */
    file->beside = NULL;
    return failed;
  }
  return is_private ? 0 : keep_mode(file->fd, &there);
}

int replacement_open(Replacement *file, const char *path, bool is_private)
{
  int failed;
  file->fd = -1;
  file->beside = NULL;
  file->path = join(path, strlen(path), "");
  failed = file->path == NULL ? ENOMEM : begin(file, is_private);
  if (failed != 0)
    replacement_abandon(file);
  return failed;
}

int replacement_write(const Replacement *file, const char *bytes, size_t size)
{
  while (size > 0) {
    ssize_t done = write(file->fd, bytes, size);
    if (done < 0 && errno != EINTR)
      return errno;
    if (done > 0) {
      bytes += done;
      size -= (size_t)done;
    }
  }
  return 0;
}

int replacement_publish(Replacement *file, bool sync)
{
  int failed = 0;
  bool in_place = file->beside == NULL;
  if (sync && !in_place && fsync(file->fd) != 0)
    failed = errno;
  if (close(file->fd) != 0 && failed == 0)
    failed = errno;
  file->fd = -1;
  if (failed == 0 && !in_place && rename(file->beside, file->path) != 0)
    failed = errno;
  if (failed != 0 && !in_place)
    (void)unlink(file->beside); /* `failed` says more */
  forget_names(file);
  return failed;
}

void replacement_abandon(Replacement *file)
{
  if (file->beside != NULL)
    (void)unlink(file->beside); /* whoever has removed it did the same */
  replacement_forget(file);
}

void replacement_forget(Replacement *file)
{
  if (file->fd >= 0)
    (void)close(file->fd); /* nobody wants what was written */
  file->fd = -1;
  forget_names(file);
}

/* As replacement_open, of a file that takes a place later. */
static int look_at_place(char **path, struct stat *there)
{
  bool in_place;
  int failed = resolve(path, false, there, &in_place);
  if (failed == 0 && in_place)
    return EEXIST;
  return failed != 0 ? failed : check_writable(*path, there);
}

int replacement_check_place(const char *path)
{
  struct stat there;
  char *copy = join(path, strlen(path), "");
  int failed = copy == NULL ? ENOMEM : look_at_place(&copy, &there);
  free(copy);
  return failed;
}

int replacement_take_place(int fd, const char *beside, const char *path)
{
  struct stat there;
  char *copy = join(path, strlen(path), "");
  int failed = copy == NULL ? ENOMEM : look_at_place(&copy, &there);
  free(copy);
  if (failed == 0)
    failed = keep_mode(fd, &there);
  if (failed == 0 && rename(beside, path) != 0)
    failed = errno;
  return failed;
}
