/* A stand-in for the NVIDIA driver's library: two GeForce RTX 3060 that a text file steers.
 *
 * The file named by FAKE_NVML_STATE is read at each call and may be missing. A line is `key=value`:
 *   init=error:9             nvmlInit fails (9: driver not loaded)
 *   count=1                  how many cards there are (0 to 2)
 *   1.handle=error:999       card 1 cannot be opened
 *   1.lost=1                 card 1 fell off the bus: every call about it fails
 *   0.fan=error:3            one reading fails (3: not supported)
 *   0.memory_used=3072       MiB; likewise memory_total
 *   0.utilization=97         percent; likewise fan; 0.temperature in Celsius
 *   0.power=168400           milliwatts; likewise power_limit
 *   0.clock=1807             MHz
 *   0.slowdown=95            Celsius; likewise shutdown; power_max in milliwatts, clock_max in MHz
 *   0.throttle=4             the bits of the clocks' throttle reasons
 *   0.processes=4242:3072,77:-   pid:MiB; `-` where the driver does not tell
 *   0.memory_v2=error:13     as on a driver too old for version 2 of the memory call
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CARDS 2
#define MIB (1024ULL * 1024ULL)
#define RESERVED_MIB 151ULL
#define UNKNOWN_MEMORY (~0ULL)

enum { OK = 0, INVALID = 2, INSUFFICIENT_SIZE = 7, LOST = 15 };

typedef struct { unsigned index; } card;
typedef struct { unsigned long long total, free, used; } memory;
typedef struct { unsigned version; unsigned long long total, reserved, free, used; } memory_v2;
typedef struct { unsigned gpu, memory; } utilization;
typedef struct {
    unsigned pid;
    unsigned long long used;
    unsigned gpu_instance, compute_instance;
} process;

static card cards[CARDS] = {{0}, {1}};

/* The value of a key in the state file; 0 when it is not there. */
static int look_up(const char *key, char *value, size_t size)
{
    const char *path = getenv("FAKE_NVML_STATE");
    FILE *file = path ? fopen(path, "r") : NULL;
    char line[4096];
    int found = 0;
    size_t length = strlen(key);
    while (file && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\r\n")] = 0;
        if (strncmp(line, key, length) == 0 && line[length] == '=') {
            snprintf(value, size, "%s", line + length + 1);
            found = 1;
        }
    }
    if (file)
        fclose(file);
    return found;
}

/* A number that is steered or `normal`; returns the error that stands there instead of one. */
static int number(const char *key, unsigned long long normal, unsigned long long *out)
{
    char value[64];
    if (!look_up(key, value, sizeof value)) {
        *out = normal;
        return OK;
    }
    if (strncmp(value, "error:", 6) == 0)
        return atoi(value + 6);
    *out = strtoull(value, NULL, 10);
    return OK;
}

static int card_number(const card *device, const char *name, const unsigned long long *normal,
                       unsigned long long *out)
{
    char key[64];
    unsigned long long lost;
    snprintf(key, sizeof key, "%u.lost", device->index);
    number(key, 0, &lost);
    if (lost)
        return LOST;
    snprintf(key, sizeof key, "%u.%s", device->index, name);
    return number(key, normal[device->index], out);
}

static int card_unsigned(const card *device, const char *name, const unsigned long long *normal,
                         unsigned *out)
{
    unsigned long long value = 0;
    int error = card_number(device, name, normal, &value);
    if (error == OK)
        *out = (unsigned)value;
    return error;
}

static const unsigned long long TOTAL[CARDS] = {12288, 12288}, USED[CARDS] = {1024, 512};
static const unsigned long long UTILIZATION[CARDS] = {37, 5}, TEMPERATURE[CARDS] = {55, 44};
static const unsigned long long FAN[CARDS] = {40, 30}, POWER[CARDS] = {90500, 15200};
static const unsigned long long POWER_LIMIT[CARDS] = {170000, 170000}, CLOCK[CARDS] = {1807, 210};
static const unsigned long long SLOWDOWN[CARDS] = {95, 95}, SHUTDOWN[CARDS] = {98, 98};
static const unsigned long long POWER_MAX[CARDS] = {212000, 212000};
static const unsigned long long CLOCK_MAX[CARDS] = {2100, 2100};
static const unsigned long long THROTTLE[CARDS] = {0, 1}, NOTHING[CARDS] = {0, 0};

int nvmlInitWithFlags(unsigned flags)
{
    unsigned long long ignored;
    (void)flags;
    return number("init", 0, &ignored);
}

int nvmlInit_v2(void) { return nvmlInitWithFlags(0); }

int nvmlShutdown(void) { return OK; }

const char *nvmlErrorString(int error)
{
    static char text[64];
    snprintf(text, sizeof text, "fake error %d", error);
    return text;
}

int nvmlDeviceGetCount_v2(unsigned *count)
{
    unsigned long long value = CARDS;
    int error = number("count", CARDS, &value);
    *count = (unsigned)(value > CARDS ? CARDS : value);
    return error;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, card **device)
{
    unsigned long long ignored;
    if (index >= CARDS)
        return INVALID;
    *device = &cards[index];
    return card_number(*device, "handle", NOTHING, &ignored);
}

int nvmlDeviceGetName(card *device, char *name, unsigned size)
{
    unsigned long long ignored;
    snprintf(name, size, "NVIDIA GeForce RTX 3060");
    return card_number(device, "name", NOTHING, &ignored);
}

int nvmlDeviceGetUUID(card *device, char *uuid, unsigned size)
{
    unsigned long long ignored;
    snprintf(uuid, size, "GPU-fa4e0000-0000-4000-8000-00000000000%u", device->index);
    return card_number(device, "uuid", NOTHING, &ignored);
}

static int total_and_used(card *device, unsigned long long *total, unsigned long long *used)
{
    int error = card_number(device, "memory_total", TOTAL, total);
    return error ? error : card_number(device, "memory_used", USED, used);
}

int nvmlDeviceGetMemoryInfo(card *device, memory *out)
{
    unsigned long long total = 0, used = 0;
    int error = total_and_used(device, &total, &used);
    out->total = total * MIB;
    out->used = (used + RESERVED_MIB) * MIB;
    out->free = out->total - out->used;
    return error;
}

int nvmlDeviceGetMemoryInfo_v2(card *device, memory_v2 *out)
{
    unsigned long long total = 0, used = 0, ignored;
    int error = card_number(device, "memory_v2", NOTHING, &ignored);
    if (error == OK)
        error = total_and_used(device, &total, &used);
    out->total = total * MIB;
    out->used = used * MIB;
    out->reserved = RESERVED_MIB * MIB;
    out->free = out->total - out->used - out->reserved;
    return error;
}

int nvmlDeviceGetUtilizationRates(card *device, utilization *out)
{
    out->memory = 0;
    return card_unsigned(device, "utilization", UTILIZATION, &out->gpu);
}

int nvmlDeviceGetTemperature(card *device, int sensor, unsigned *out)
{
    return sensor ? INVALID : card_unsigned(device, "temperature", TEMPERATURE, out);
}

int nvmlDeviceGetFanSpeed(card *device, unsigned *out)
{
    return card_unsigned(device, "fan", FAN, out);
}

int nvmlDeviceGetPowerUsage(card *device, unsigned *out)
{
    return card_unsigned(device, "power", POWER, out);
}

int nvmlDeviceGetEnforcedPowerLimit(card *device, unsigned *out)
{
    return card_unsigned(device, "power_limit", POWER_LIMIT, out);
}

int nvmlDeviceGetClockInfo(card *device, int type, unsigned *out)
{
    return type == 1 ? card_unsigned(device, "clock", CLOCK, out) : INVALID;
}

int nvmlDeviceGetTemperatureThreshold(card *device, int kind, unsigned *out)
{
    if (kind > 1)
        return INVALID;
    return card_unsigned(device, kind ? "slowdown" : "shutdown", kind ? SLOWDOWN : SHUTDOWN, out);
}

int nvmlDeviceGetPowerManagementLimitConstraints(card *device, unsigned *least, unsigned *most)
{
    *least = 100000;
    return card_unsigned(device, "power_max", POWER_MAX, most);
}

int nvmlDeviceGetMaxClockInfo(card *device, int type, unsigned *out)
{
    return type == 1 ? card_unsigned(device, "clock_max", CLOCK_MAX, out) : INVALID;
}

int nvmlDeviceGetCurrentClocksThrottleReasons(card *device, unsigned long long *out)
{
    return card_number(device, "throttle", THROTTLE, out);
}

int nvmlDeviceGetComputeRunningProcesses_v3(card *device, unsigned *count, process *out)
{
    char key[64], value[4096] = "";
    unsigned long long ignored;
    unsigned room = *count, found = 0;
    int error = card_number(device, "processes", NOTHING, &ignored);
    if (error != OK)
        return error;
    snprintf(key, sizeof key, "%u.processes", device->index);
    look_up(key, value, sizeof value);
    for (char *item = strtok(value, ","); item; item = strtok(NULL, ","), found++) {
        char *colon = strchr(item, ':');
        if (!out || found >= room)
            continue;
        memset(&out[found], 0, sizeof out[found]);
        out[found].pid = (unsigned)atoi(item);
        out[found].used = colon && colon[1] != '-' ? strtoull(colon + 1, NULL, 10) * MIB
                                                   : UNKNOWN_MEMORY;
    }
    *count = found;
    return found > room ? INSUFFICIENT_SIZE : OK;
}
