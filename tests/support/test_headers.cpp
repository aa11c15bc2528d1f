// Carries the precompiled header of the GoogleTest programs.
