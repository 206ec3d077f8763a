/* Called by every luaopen_multisock_core: see process.h. */
#define _GNU_SOURCE /* dladdr */
#include "process.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

unsigned process_forks;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool curl_is_ready; /* under the lock */

static void on_fork_in_child(void)
{
  process_forks++;
}

/* Lua unloads a module with its state, LuaRocks cannot link with -z nodelete,
   and what is called later is in here: by signals, by a host's loop that runs
   on. */
static void stay_loaded(void)
{
#if defined(RTLD_NODELETE) && defined(RTLD_NOLOAD)
  static const char here;
  Dl_info info;
  /* Not found: it is part of the program. The handle is never closed. */
  if (dladdr(&here, &info) != 0 && info.dli_fname != NULL)
    (void)dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
#endif
}

static void on_broken_pipe(int number)
{
  (void)number; /* the write says EPIPE */
}

/* A peer that went away must not end the process; what the host has set stays.
   A handler, because children would inherit that a signal is ignored: exec
   gives them the default instead. */
static void survive_broken_pipes(void)
{
  struct sigaction action;
  if (sigaction(SIGPIPE, NULL, &action) != 0 || action.sa_handler != SIG_DFL)
    return;
  memset(&action, 0, sizeof action);
  action.sa_handler = on_broken_pipe;
  action.sa_flags = SA_RESTART;
  (void)sigaction(SIGPIPE, &action, NULL);
}

static void init_once(void)
{
  stay_loaded();
  /* Fails only without memory: then a forked child is not told apart. */
  (void)pthread_atfork(NULL, NULL, on_fork_in_child);
  survive_broken_pipes();
}

CURLcode process_init(bool host_has)
{
  CURLcode code = CURLE_OK;
  (void)pthread_once(&once, init_once);
  if (host_has)
    return CURLE_OK;
  (void)pthread_mutex_lock(&lock);
  /* libcurl counts the calls; there is no end of ours, because a connection
     or a thread of its resolver may outlive every Lua state. */
  if (!curl_is_ready)
    code = curl_global_init(CURL_GLOBAL_DEFAULT);
  curl_is_ready = curl_is_ready || code == CURLE_OK;
  (void)pthread_mutex_unlock(&lock);
  return code;
}

int process_lacks_files(void)
{
  int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return errno == EMFILE || errno == ENFILE ? errno : 0;
  (void)close(fd);
  return 0;
}

void process_fill_standard_files(void)
{
  int fd;
  for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
    if (fcntl(fd, F_GETFD) < 0 && errno == EBADF) {
      int null = open("/dev/null", O_RDWR); /* the lowest that is free */
      if (null > STDERR_FILENO)
        (void)close(null); /* another thread was faster */
    }
}
