"""Work that starts by itself: tasks, their occurrences, and the timer that fires them."""
