// The program molt-worker.
#include "apps/molt_worker/program.h"

int main(int argc, char** argv) { return molt::app::Main({argv + 1, argv + argc}); }
