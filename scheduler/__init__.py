"""When: jobs, their timetable, and exactly one clock among many processes."""
