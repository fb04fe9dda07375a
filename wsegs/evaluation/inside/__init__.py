"""What hidden layers of a trained network have learnt."""
