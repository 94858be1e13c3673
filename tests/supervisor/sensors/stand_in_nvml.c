/* A libnvidia-ml.so.1 that answers from a text file: for machines without a GPU, and for troubles no GPU gives on demand.

   The file named by STAND_IN_NVML is read at every call, a word and its figures on each line:
     init CODE            what nvmlInit answers (0 success, 9 driver not loaded, 12 library not found)
     count N              how many devices there are
     lost INDEX           the device has fallen off the bus
     hang SECONDS         nvmlDeviceGetCount takes so long
     util INDEX PERCENT / mem INDEX USED TOTAL / temp INDEX DEGREES
     process INDEX PID BYTES
     xid INDEX CODE       told once, in the order of the lines, to whoever registered for it
   The layout of every structure is that of nvml.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SUCCESS 0
#define NOT_SUPPORTED 3
#define NOT_FOUND 6
#define INSUFFICIENT_SIZE 7
#define TIMEOUT 10
#define IS_LOST 15
#define MAX 8

typedef struct { int index; } device_t;
typedef struct { device_t *device; unsigned long long type, data; unsigned gpu_instance, compute_instance; } event_t;
typedef struct { unsigned pid; unsigned long long used; unsigned gpu_instance, compute_instance; } process_t;
typedef struct { unsigned gpu, memory; } util_t;
typedef struct { unsigned long long total, free, used; } memory_t;

static device_t devices[MAX];
static int registered[MAX];
static int told_xids, opened;

/* The n-th line that begins with this word and index (-1: any index); its first two figures after them. */
static int line(const char *word, int index, int n, unsigned long long *a, unsigned long long *b) {
    FILE *file = fopen(getenv("STAND_IN_NVML"), "r");
    char text[256], found[32];
    int is_found = 0;
    while (file && !is_found && fgets(text, sizeof text, file)) {
        long long first = 0, second = 0, third = 0;
        int figures = sscanf(text, "%31s %lld %lld %lld", found, &first, &second, &third) - 1;
        if (figures < 0 || strcmp(found, word) || (index >= 0 && first != index)) continue;
        if (n-- > 0) continue;
        *a = index >= 0 ? second : first;
        *b = index >= 0 ? third : second;
        is_found = 1;
    }
    if (file) fclose(file);
    return is_found;
}

static unsigned long long figure(const char *word, unsigned long long otherwise) {
    unsigned long long a, b;
    return line(word, -1, 0, &a, &b) ? a : otherwise;
}

static int state(device_t *device) {
    unsigned long long a, b;
    return line("lost", device->index, 0, &a, &b) ? IS_LOST : SUCCESS;
}

int nvmlInitWithFlags(unsigned flags) {
    int code = (int)figure("init", 0);
    (void)flags;
    opened += code == SUCCESS;
    return code;
}

int nvmlInit_v2(void) { return nvmlInitWithFlags(0); }

/* Counted, as the library counts it: what one part of a program registered outlives another part's look. */
int nvmlShutdown(void) {
    if (opened > 0 && --opened == 0) memset(registered, 0, sizeof registered);
    return SUCCESS;
}

const char *nvmlErrorString(int code) {
    switch (code) {
        case 9: return "Driver Not Loaded";
        case 15: return "GPU is lost";
        default: return "Stand-in error";
    }
}

int nvmlDeviceGetCount_v2(unsigned *count) {
    sleep((unsigned)figure("hang", 0));
    *count = (unsigned)figure("count", 0);
    return SUCCESS;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, device_t **device) {
    if (index >= MAX || index >= figure("count", 0)) return NOT_FOUND;
    devices[index].index = (int)index;
    *device = &devices[index];
    return SUCCESS;
}

int nvmlDeviceGetUUID(device_t *device, char *text, unsigned size) {
    if (state(device)) return IS_LOST;
    snprintf(text, size, "GPU-%d", device->index);
    return SUCCESS;
}

int nvmlDeviceGetName(device_t *device, char *text, unsigned size) {
    if (state(device)) return IS_LOST;
    snprintf(text, size, "NVIDIA Stand-in");
    return SUCCESS;
}

int nvmlDeviceGetUtilizationRates(device_t *device, util_t *util) {
    unsigned long long percent, unused;
    if (state(device)) return IS_LOST;
    if (!line("util", device->index, 0, &percent, &unused)) return NOT_SUPPORTED;
    util->gpu = (unsigned)percent;
    util->memory = 0;
    return SUCCESS;
}

int nvmlDeviceGetMemoryInfo(device_t *device, memory_t *memory) {
    if (state(device)) return IS_LOST;
    if (!line("mem", device->index, 0, &memory->used, &memory->total)) return NOT_SUPPORTED;
    memory->free = memory->total - memory->used;
    return SUCCESS;
}

int nvmlDeviceGetTemperature(device_t *device, int sensor, unsigned *degrees) {
    unsigned long long value, unused;
    (void)sensor;
    if (state(device)) return IS_LOST;
    if (!line("temp", device->index, 0, &value, &unused)) return NOT_SUPPORTED;
    *degrees = (unsigned)value;
    return SUCCESS;
}

int nvmlDeviceGetComputeRunningProcesses_v3(device_t *device, unsigned *count, process_t *processes) {
    unsigned long long pid, used;
    unsigned found = 0;
    if (state(device)) return IS_LOST;
    while (line("process", device->index, (int)found, &pid, &used)) {
        if (found < *count) processes[found] = (process_t){(unsigned)pid, used, 0, 0};
        found++;
    }
    int fits = found <= *count;
    *count = found;
    return fits ? SUCCESS : INSUFFICIENT_SIZE;
}

int nvmlEventSetCreate(void **set) { *set = registered; return SUCCESS; }
int nvmlEventSetFree(void *set) { (void)set; return SUCCESS; }

int nvmlDeviceRegisterEvents(device_t *device, unsigned long long types, void *set) {
    (void)set;
    if (types & 8) registered[device->index] = 1;
    return SUCCESS;
}

int nvmlEventSetWait_v2(void *set, event_t *event, unsigned timeout_ms) {
    unsigned long long index, code;
    (void)set, (void)timeout_ms;
    while (line("xid", -1, told_xids, &index, &code)) {
        told_xids++;
        if (index >= MAX || !registered[index]) continue;
        *event = (event_t){&devices[index], 8, code, 0, 0};
        return SUCCESS;
    }
    return TIMEOUT;
}
