"""What goes out on topics and comes in by them: relay, readers, projections, dead letters."""
