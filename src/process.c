/* Called by every luaopen_multisock_core: see process.h. */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

unsigned process_forks;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool curl_is_ready;         /* under the lock */

static void on_fork_in_child(void)
{
  process_forks++;
}

static void init_once(void)
{
  struct sigaction current;
  /* Fails only without memory: then a forked child is not told apart. */
  (void)pthread_atfork(NULL, NULL, on_fork_in_child);
  /* A peer that went away must not end the process; a handler that the host
     has set stays. */
  if (sigaction(SIGPIPE, NULL, &current) == 0 &&
      current.sa_handler == SIG_DFL)
    (void)signal(SIGPIPE, SIG_IGN);
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

void process_fill_standard_files(void)
{
  int fd;
  for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
    if (fcntl(fd, F_GETFD) < 0 && errno == EBADF) {
      int null = open("/dev/null", O_RDWR);    /* the lowest that is free */
      if (null > STDERR_FILENO)
        (void)close(null);         /* another thread was faster */
    }
}
