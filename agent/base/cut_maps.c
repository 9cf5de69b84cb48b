#include "base/cut_maps.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/base.h"

/* A signal handler: sysconf(), mmap() and memset() are calls or code that touch nothing of anybody's. */
static void on_bus_error(int number, siginfo_t *info, void *context)
{
	size_t size = (size_t)sysconf(_SC_PAGESIZE);
	char *page = (char *)info->si_addr - (uintptr_t)info->si_addr % size;
	int before = errno;

	(void)context;
	if (info->si_code != BUS_ADRERR ||
		mmap(page, size, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
		signal(number, SIG_DFL); /* and the same again, which ends the process */
	else
		memset(page, 0xff, size);
	errno = before;
}

void cut_maps_outlive(void)
{
	struct sigaction action = { .sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO };

	sigemptyset(&action.sa_mask);
	OXP_ASSERT(sigaction(SIGBUS, &action, NULL) == 0);
}
