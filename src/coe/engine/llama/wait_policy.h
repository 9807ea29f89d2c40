// This sets how llama.cpp's OpenMP threads wait for each other.
#pragma once

namespace coe {

// To be called first of all in main(): where the environment does not say how, starts the process
// again with threads that spin for some microseconds, then sleep. They meet at hundreds of barriers
// a token. Spinning on, as is libgomp's default, takes the core from whoever is late; sleeping at
// once costs a wake-up at each barrier: a small model then takes nine times as long to answer.
// Measured: bench/results/2026-11-27-wait-policy.
void wait_briefly(char** argv);

}  // namespace coe
