// How llama.cpp's OpenMP threads wait for each other.
#pragma once

namespace coe {

// To be called first of all in main(): where the environment does not say how, starts the process
// again with threads that wait passively. They meet at hundreds of barriers a batch and spin there;
// where another process wants the core for a moment, all of them burn time: 203 tokens/s against
// 2,193 on a busy two-core machine. Waiting passively costs nothing measurable elsewhere.
void wait_passively(char** argv);

}  // namespace coe
